#define _GNU_SOURCE
#include "CPlainLoop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
enum { batch = 32, largest = 1500 };

static int64_t cpu_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t run(int from, int to, const struct sockaddr_in *address, uint64_t count, uint32_t size, int segments) {
  static uint8_t sent[batch][largest], received[batch][largest];
  struct mmsghdr out[batch], in[batch];
  struct iovec out_pieces[batch], in_pieces[batch];
  struct sockaddr_in sources[batch];
  union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(uint16_t))]; } control;
  memset(out, 0, sizeof out);
  memset(in, 0, sizeof in);
  memset(&control, 0, sizeof control);
  for (int i = 0; i < batch; i++) {
    out_pieces[i] = (struct iovec){sent[i], size};
    in_pieces[i] = (struct iovec){received[i], largest};
    out[i].msg_hdr = (struct msghdr){
      .msg_name = (void *)address, .msg_namelen = sizeof *address, .msg_iov = &out_pieces[i], .msg_iovlen = 1};
    in[i].msg_hdr = (struct msghdr){
      .msg_name = &sources[i], .msg_namelen = sizeof sources[i], .msg_iov = &in_pieces[i], .msg_iovlen = 1};
  }
  uint16_t segment = (uint16_t)size;
  control.header.cmsg_level = IPPROTO_UDP;
  control.header.cmsg_type = UDP_SEGMENT;
  control.header.cmsg_len = CMSG_LEN(sizeof segment);
  memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
  int64_t started = cpu_time();
  for (uint64_t done = 0; done < count; done += batch) {
    if (segments) {
      out[0].msg_hdr.msg_iovlen = batch;
      out[0].msg_hdr.msg_control = control.bytes;
      out[0].msg_hdr.msg_controllen = sizeof control.bytes;
    }
    int want = segments ? 1 : batch;
    int went = sendmmsg(from, out, (unsigned)want, 0);
    if (went != want) return went < 0 ? -errno : -1;
    for (int got = 0; got < batch;) {
      for (int i = 0; i < batch; i++) in[i].msg_hdr.msg_namelen = sizeof sources[i];
      int came = recvmmsg(to, in, (unsigned)(batch - got), MSG_DONTWAIT, NULL);
      if (came <= 0) return -1;
      got += came;
    }
  }
  return cpu_time() - started;
}

int64_t plain_loop(uint64_t count, uint32_t size, int segments) {
  if (size == 0 || size > largest) return -EINVAL;
  int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int64_t result = -EIO;
  if (from >= 0 && to >= 0 && bind(to, (struct sockaddr *)&address, length) == 0 &&
      getsockname(to, (struct sockaddr *)&address, &length) == 0)
    result = run(from, to, &address, count, size, segments);
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  return result;
}
