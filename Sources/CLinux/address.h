// Socket addresses as the other files of this target share them; not part of its interface.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

// A mapped IPv4 address is sent as AF_INET on a socket of that family: a kernel without IPv6 has no other.
union socket_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};
static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

static inline socklen_t set_address(union socket_address *a, int family, const uint8_t address[16], uint16_t port) {
  memset(a, 0, sizeof *a);
  if (family == AF_INET) {
    a->v4.sin_family = AF_INET;
    a->v4.sin_port = htons(port);
    memcpy(&a->v4.sin_addr, address + 12, 4); // of "::" too: the last four bytes are the IPv4 wildcard
    return sizeof a->v4;
  }
  a->v6.sin6_family = AF_INET6;
  a->v6.sin6_port = htons(port);
  memcpy(&a->v6.sin6_addr, address, 16);
  return sizeof a->v6;
}
static inline int is_for_ipv4(const uint8_t address[16]) {
  static const uint8_t wildcard[16];
  return memcmp(address, mapped_prefix, 12) == 0 || memcmp(address, wildcard, 16) == 0;
}
static inline int family_of(int fd) {
  int family = AF_INET6;
  socklen_t size = sizeof family;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

static inline void get_address(const union socket_address *a, uint8_t address[16], uint16_t *port) {
  if (a->any.sa_family == AF_INET) {
    memcpy(address, mapped_prefix, 12);
    memcpy(address + 12, &a->v4.sin_addr, 4);
    *port = ntohs(a->v4.sin_port);
  } else {
    memcpy(address, &a->v6.sin6_addr, 16);
    *port = ntohs(a->v6.sin6_port);
  }
}
