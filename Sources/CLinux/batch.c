#define _GNU_SOURCE
#include "CLinux.h"
#include "address.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 // linux/udp.h; older C libraries do not have it
#endif
// Of one message: 64 segments at most (UDP_MAX_SEGMENTS), and an IP packet's bytes.
enum { maximum_segments = 64, maximum_segment_bytes = 65000 };

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(uint16_t))];
};
struct busbar_batch {
  int slots, slot_bytes, family, segments;
  struct mmsghdr *messages;
  struct iovec *pieces;
  union socket_address *addresses; // a slot's own, and behind them a message's
  union control *controls;
  uint32_t *lengths;
  uint16_t *ports;
  uint8_t (*hosts)[16];
  uint8_t *bytes;
};

struct busbar_batch *busbar_batch_new(int slots, int slot_bytes) {
  struct busbar_batch *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->slots = slots;
  b->slot_bytes = slot_bytes;
  b->segments = -1;
  b->messages = calloc((size_t)slots, sizeof *b->messages);
  b->pieces = calloc((size_t)slots, sizeof *b->pieces);
  b->addresses = calloc((size_t)slots, sizeof *b->addresses);
  b->controls = calloc((size_t)slots, sizeof *b->controls);
  b->lengths = calloc((size_t)slots, sizeof *b->lengths);
  b->ports = calloc((size_t)slots, sizeof *b->ports);
  b->hosts = calloc((size_t)slots, sizeof *b->hosts);
  b->bytes = calloc((size_t)slots, (size_t)slot_bytes);
  if (b->messages && b->pieces && b->addresses && b->controls && b->lengths && b->ports && b->hosts && b->bytes)
    return b;
  busbar_batch_free(b);
  return NULL;
}
void busbar_batch_free(struct busbar_batch *b) {
  if (!b) return;
  free(b->messages);
  free(b->pieces);
  free(b->addresses);
  free(b->controls);
  free(b->lengths);
  free(b->ports);
  free(b->hosts);
  free(b->bytes);
  free(b);
}
uint8_t *busbar_batch_bytes(struct busbar_batch *b, int slot) { return b->bytes + (size_t)slot * (size_t)b->slot_bytes; }
void busbar_batch_set(struct busbar_batch *b, int slot, uint32_t length, const uint8_t address[16], uint16_t port) {
  b->lengths[slot] = length;
  memcpy(b->hosts[slot], address, 16);
  b->ports[slot] = port;
}
int busbar_batch_segments(const struct busbar_batch *b) { return b->segments; }
void busbar_batch_forbid_segments(struct busbar_batch *b) { b->segments = 0; }

static int follows(const struct busbar_batch *b, int first, int slot) {
  return b->ports[first] == b->ports[slot] && memcmp(b->hosts[first], b->hosts[slot], 16) == 0;
}

// Makes messages of the slots from first up to count; says how many, and how many slots each holds.
static int make_messages(struct busbar_batch *b, int first, int count, uint16_t *held) {
  int made = 0;
  for (int slot = first; slot < count; made++) {
    struct msghdr *m = &b->messages[made].msg_hdr;
    memset(m, 0, sizeof *m);
    m->msg_name = &b->addresses[made];
    m->msg_namelen = set_address(&b->addresses[made], b->family, b->hosts[slot], b->ports[slot]);
    m->msg_iov = &b->pieces[slot];
    uint32_t size = b->lengths[slot], total = 0;
    int next = slot;
    do {
      b->pieces[next] = (struct iovec){busbar_batch_bytes(b, next), b->lengths[next]};
      total += b->lengths[next];
      next++;
      // Only the last may be shorter.
    } while (b->segments && next < count && next - slot < maximum_segments && b->lengths[next - 1] == size &&
             b->lengths[next] <= size && b->lengths[next] > 0 && total + size <= maximum_segment_bytes &&
             follows(b, slot, next));
    m->msg_iovlen = (size_t)(next - slot);
    if (next - slot > 1) {
      union control *c = &b->controls[made];
      memset(c, 0, sizeof *c);
      c->header.cmsg_level = IPPROTO_UDP;
      c->header.cmsg_type = UDP_SEGMENT;
      c->header.cmsg_len = CMSG_LEN(sizeof(uint16_t));
      uint16_t segment = (uint16_t)size;
      memcpy(CMSG_DATA(&c->header), &segment, sizeof segment);
      m->msg_control = c->bytes;
      m->msg_controllen = sizeof c->bytes;
    }
    held[made] = (uint16_t)(next - slot);
    slot = next;
  }
  return made;
}

// What the network may do to any datagram: no address, a filter, network or host down or unreachable.
static int is_loss(int code) {
  switch (code) {
  case EAGAIN: case ENOBUFS: case EPERM: case EADDRNOTAVAIL: case ENETDOWN: case ENETUNREACH: case ECONNREFUSED:
  case EHOSTDOWN: case EHOSTUNREACH: case EAFNOSUPPORT: return 1;
  default: return 0;
  }
}

int busbar_batch_send(struct busbar_batch *b, int fd, int count, uint64_t *lost, uint64_t *unsendable) {
  if (b->family == 0) b->family = family_of(fd);
  uint16_t held[b->slots];
  int slot = 0, calls = 0;
  while (slot < count) {
    // A kernel without IPv6 cannot send there.
    if (b->family == AF_INET && !is_for_ipv4(b->hosts[slot])) {
      *lost += 1;
      slot += 1;
      continue;
    }
    int made = make_messages(b, slot, count, held);
    if (b->family == AF_INET)
      for (int i = 0, s = slot; i < made; s += held[i++])
        if (!is_for_ipv4(b->hosts[s])) { made = i; break; }
    int sent = sendmmsg(fd, b->messages, (unsigned)made, 0);
    calls += 1;
    if (sent >= 0) {
      for (int i = 0; i < sent; i++) {
        if (held[i] > 1) b->segments = 1;
        slot += held[i];
      }
      continue;
    }
    if (errno == EINTR) continue;
    if (held[0] > 1 && (errno == EINVAL || errno == EIO || errno == EOPNOTSUPP || errno == EMSGSIZE)) {
      b->segments = 0; // an old kernel, or an interface without checksums: one by one from here on
      continue;
    }
    if (errno == EMSGSIZE) {
      *unsendable += held[0];
    } else if (is_loss(errno)) {
      *lost += held[0];
    } else {
      return -errno;
    }
    slot += held[0];
  }
  return calls;
}

int busbar_batch_receive(struct busbar_batch *b, int fd) {
  for (int i = 0; i < b->slots; i++) {
    b->pieces[i] = (struct iovec){busbar_batch_bytes(b, i), (size_t)b->slot_bytes};
    b->messages[i].msg_hdr = (struct msghdr){
      .msg_name = &b->addresses[i], .msg_namelen = sizeof b->addresses[i], .msg_iov = &b->pieces[i], .msg_iovlen = 1};
  }
  for (int tries = 0; tries < 16; tries++) {
    int count = recvmmsg(fd, b->messages, (unsigned)b->slots, MSG_DONTWAIT, NULL);
    if (count >= 0) return count;
    if (errno == EAGAIN) return 0;
    // An earlier datagram bounced; the next may be waiting behind the report.
    if (errno != EINTR && !is_loss(errno)) return -errno;
  }
  return 0;
}
int busbar_batch_length(const struct busbar_batch *b, int slot) {
  return b->messages[slot].msg_hdr.msg_flags & MSG_TRUNC ? -1 : (int)b->messages[slot].msg_len;
}
void busbar_batch_source(const struct busbar_batch *b, int slot, uint8_t address[16], uint16_t *port) {
  get_address(&b->addresses[slot], address, port);
}

enum { timer_tag = 63 };
int busbar_events_open(int *timer) {
  int events = epoll_create1(EPOLL_CLOEXEC);
  if (events < 0) return -errno;
  *timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  int status = *timer < 0 ? -errno : busbar_events_add(events, *timer, timer_tag);
  if (status < 0) {
    if (*timer >= 0) close(*timer);
    close(events);
    return status;
  }
  return events;
}
int busbar_events_add(int events, int fd, int tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)tag};
  return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}
int busbar_events_remove(int events, int fd) {
  return epoll_ctl(events, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}
int busbar_timer_set(int timer, uint64_t boot_nanoseconds) {
  // All zero would disarm it; a moment long past fires at once.
  uint64_t at = boot_nanoseconds ? boot_nanoseconds : 1;
  struct itimerspec spec = {.it_value = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)}};
  return timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL) < 0 ? -errno : 0;
}
int64_t busbar_events_wait(int events, int timer) {
  struct epoll_event found[16];
  int count = epoll_wait(events, found, 16, -1);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  int64_t mask = 0;
  for (int i = 0; i < count; i++) {
    if (found[i].data.u32 != timer_tag) mask |= (int64_t)1 << found[i].data.u32;
    uint64_t expirations;
    if (found[i].data.u32 == timer_tag && read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
      return -errno;
  }
  return mask;
}

extern uint64_t heap_count_of_this_thread(void) __attribute__((weak)); // CHeapCount, in host programs that count
int64_t busbar_heap_count(void) {
  static int state = 0; // 1: an allocation is counted; -1: none is, as in static programs
  if (heap_count_of_this_thread == NULL) return -1;
  if (state == 0) {
    uint64_t before = heap_count_of_this_thread();
    // Volatile, or the compiler would see that nobody needs it.
    void *volatile something = malloc(1);
    free(something);
    state = heap_count_of_this_thread() > before ? 1 : -1;
  }
  return state > 0 ? (int64_t)heap_count_of_this_thread() : -1;
}
