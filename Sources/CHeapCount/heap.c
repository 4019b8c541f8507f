// A program that links this file calls these in place of glibc's functions of the same names, its shared libraries
// included, which pass the call on and count it. `free` needs no count and stays glibc's.
//
// The boards' programs are static and bring glibc's whole allocator, which cannot be stood in for: there this is empty. Their
// compiler knows no operating system.
#ifdef __linux__
#include "CHeapCount.h"

#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Thread_local uint64_t allocations __attribute__((tls_model("initial-exec")));

uint64_t heap_count_of_this_thread(void) { return allocations; }

void *malloc(size_t size) {
  allocations += 1;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations += 1;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  allocations += 1;
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  allocations += 1;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
#else
int heap_is_not_counted;
#endif
