// Counts heap allocations of the calling thread, by standing in for glibc's allocator. Host-only: tests and benchmarks.
#pragma once
#include <stdint.h>

uint64_t heap_count_of_this_thread(void);
// Bytes this thread has taken and not given back, with what the allocator adds to each block.
int64_t heap_bytes_of_this_thread(void);
