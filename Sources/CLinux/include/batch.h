// Many datagrams to a system call, in memory that is taken once. No logic.
#pragma once
#include <stdint.h>

struct busbar_batch;

// NULL when memory is short. Slots hold one datagram of at most slot_bytes each; a longer one is received cut short.
struct busbar_batch *busbar_batch_new(int slots, int slot_bytes);
void busbar_batch_free(struct busbar_batch *batch);
uint8_t *busbar_batch_bytes(struct busbar_batch *batch, int slot);

// Sending: fill a slot, then say how long it is and where it goes.
void busbar_batch_set(struct busbar_batch *batch, int slot, uint32_t length, const uint8_t address[16], uint16_t port);
// Sends the first count slots in their order, and returns how many system calls it took or -errno. Datagrams that the
// network will not take are counted as lost, those that are too long for the path as unsendable. Neighbours that go to
// one address and are of one size, but the last, go to the kernel as one (UDP_SEGMENT, Linux 4.18) until it refuses.
int busbar_batch_send(struct busbar_batch *batch, int fd, int count, uint64_t *lost, uint64_t *unsendable);
// 1 while the kernel takes segments; -1 not tried yet.
int busbar_batch_segments(const struct busbar_batch *batch);
void busbar_batch_forbid_segments(struct busbar_batch *batch);

// Receives up to all slots without waiting: how many came, or -errno.
int busbar_batch_receive(struct busbar_batch *batch, int fd);
// The length of a datagram received; -1 when it was cut short.
int busbar_batch_length(const struct busbar_batch *batch, int slot);
void busbar_batch_source(const struct busbar_batch *batch, int slot, uint8_t address[16], uint16_t *port);

// One epoll set with a timer of CLOCK_BOOTTIME in it; tags are 0...62. Waits for descriptors or the moment and returns
// a bit mask of tags, or -errno. 0 when the moment has come or a signal did.
int busbar_events_open(int *timer);
int busbar_events_add(int events, int fd, int tag);
int busbar_events_remove(int events, int fd);
int busbar_timer_set(int timer, uint64_t boot_nanoseconds);
int64_t busbar_events_wait(int events, int timer);

// Heap allocations of this thread where the program counts them; -1 where it does not.
int64_t busbar_heap_count(void);
