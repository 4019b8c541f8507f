#include <stddef.h>
#include <stdint.h>

/// libFuzzer as a library: runs until a limit among its arguments is reached, then exits the process.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
