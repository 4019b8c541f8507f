// A program that links this file calls these in place of glibc's functions of the same names, its shared libraries
// included, which pass the call on and count it. `free` needs no count and stays glibc's.
//
// Weak, for the boards' programs: these are static and bring glibc's whole allocator, whose own functions then win and nothing
// is counted. In a program with shared libraries these win, weak or not, because the program comes first.
#include "CHeapCount.h"

#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

#define STAND_IN __attribute__((weak))

static _Thread_local uint64_t allocations __attribute__((tls_model("initial-exec")));

uint64_t heap_count_of_this_thread(void) { return allocations; }

STAND_IN void *malloc(size_t size) {
  allocations += 1;
  return __libc_malloc(size);
}

STAND_IN void *calloc(size_t count, size_t size) {
  allocations += 1;
  return __libc_calloc(count, size);
}

STAND_IN void *realloc(void *memory, size_t size) {
  allocations += 1;
  return __libc_realloc(memory, size);
}

STAND_IN void *memalign(size_t alignment, size_t size) {
  allocations += 1;
  return __libc_memalign(alignment, size);
}

STAND_IN void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

STAND_IN int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
