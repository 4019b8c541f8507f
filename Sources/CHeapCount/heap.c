// A program that links this file calls these in place of glibc's functions of the same names, its shared libraries
// included, which pass the call on and count it, and the bytes with their headers.
//
// Weak, for the boards' programs: these are static and bring glibc's whole allocator, whose own functions then win and nothing
// is counted. In a program with shared libraries these win, weak or not, because the program comes first.
#include "CHeapCount.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

#define STAND_IN __attribute__((weak))

static _Thread_local uint64_t allocations __attribute__((tls_model("initial-exec")));

static _Thread_local int64_t bytes __attribute__((tls_model("initial-exec")));

uint64_t heap_count_of_this_thread(void) { return allocations; }
int64_t heap_bytes_of_this_thread(void) { return bytes; }

static int64_t size_of(void *memory) { return memory ? (int64_t)(malloc_usable_size(memory) + sizeof(size_t)) : 0; }

static void *count(void *memory) {
  allocations += 1;
  bytes += size_of(memory);
  return memory;
}

STAND_IN void *malloc(size_t size) { return count(__libc_malloc(size)); }

STAND_IN void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }

STAND_IN void *realloc(void *memory, size_t size) {
  int64_t before = size_of(memory);
  void *moved = __libc_realloc(memory, size);
  // One that failed left the old memory where it was; a size of 0 freed it.
  if (moved || size == 0) bytes -= before;
  return count(moved);
}

STAND_IN void free(void *memory) {
  bytes -= size_of(memory);
  __libc_free(memory);
}

STAND_IN void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }

STAND_IN void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

STAND_IN int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
