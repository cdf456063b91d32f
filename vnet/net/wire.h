/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets and values of the headers on the wire: Ethernet, ARP (RFC 826), IPv4
 * (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), TCP (RFC 9293), ICMP (RFC 792).
 * Fields are read and written with hv/base/bytes.h, so that nothing depends on
 * alignment.
 */
#ifndef VNET_NET_WIRE_H
#define VNET_NET_WIRE_H

#include "hv/base/types.h"

/* Ethernet */
#define ETH_DST 0u
#define ETH_SRC 6u
#define ETH_TYPE 12u
#define ETH_HLEN 14u
#define ETH_ALEN 6u

#define ETH_TYPE_IPV4 0x0800u
#define ETH_TYPE_ARP 0x0806u
#define ETH_TYPE_VLAN 0x8100u
#define ETH_TYPE_QINQ 0x88a8u
#define ETH_TYPE_IPV6 0x86ddu
#define VLAN_HLEN 4u

/* ARP for Ethernet and IPv4 */
#define ARP_HTYPE 0u
#define ARP_PTYPE 2u
#define ARP_HLEN 4u
#define ARP_PLEN 5u
#define ARP_OP 6u
#define ARP_SHA 8u
#define ARP_SPA 14u
#define ARP_THA 18u
#define ARP_TPA 24u
#define ARP_LEN 28u

#define ARP_HTYPE_ETHERNET 1u
#define ARP_OP_REQUEST 1u
#define ARP_OP_REPLY 2u

/* IPv4 */
#define IP_VER_IHL 0u
#define IP_TOS 1u
#define IP_TOTAL 2u
#define IP_ID 4u
#define IP_FRAG 6u /* flags and offset */
#define IP_TTL 8u
#define IP_PROTO 9u
#define IP_CSUM 10u
#define IP_SRC 12u
#define IP_DST 16u
#define IP_HLEN 20u /* without options */

#define IP_VER_IHL_PLAIN 0x45u
#define IP_FRAG_DF 0x4000u
#define IP_FRAG_MF 0x2000u
#define IP_FRAG_OFFSET 0x1fffu /* in units of 8 bytes */
#define IP_TOTAL_MAX 65535u
#define IP_PROTO_ICMP 1u
#define IP_PROTO_TCP 6u
#define IP_PROTO_UDP 17u
#define IP_ECN_MASK 3u
#define IP_ECN_CE 3u
#define IP_TTL_DEFAULT 64u
#define IP_BROADCAST 0xffffffffu

/* IPv6 */
#define IP6_VERSION 0u /* in the upper 4 bits */
#define IP6_LEN 4u     /* of what follows the header */
#define IP6_NEXT 6u
#define IP6_HOP 7u
#define IP6_SRC 8u
#define IP6_DST 24u
#define IP6_HLEN 40u
#define IP6_ADDRS 32u /* both addresses */
#define IP6_ALEN 16u
#define IP6_GROUP 0xffu /* the first byte of a group's address */
#define NEXT_ICMP6 58u

/* TCP */
#define TCP_SEQ 4u
#define TCP_DOFF 12u /* upper 4 bits: header length in 4 bytes */
#define TCP_FLAGS 13u
#define TCP_CSUM 16u
#define TCP_HLEN 20u

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

/* UDP */
#define UDP_SPORT 0u
#define UDP_DPORT 2u
#define UDP_LEN 4u
#define UDP_CSUM 6u
#define UDP_HLEN 8u

/* ICMP */
#define ICMP_TYPE 0u
#define ICMP_CODE 1u
#define ICMP_CSUM 2u
#define ICMP_MTU 6u /* in "fragmentation needed", RFC 1191 */
#define ICMP_HLEN 8u

#define ICMP_ECHO_REPLY 0u
#define ICMP_UNREACHABLE 3u
#define ICMP_ECHO 8u
#define ICMP_CODE_PORT 3u
#define ICMP_CODE_FRAG_NEEDED 4u

/* Class D and above, this network, loopback: nobody's unicast address. */
static inline bool ip4_is_unicast(u32 addr)
{
	return addr >> 24 != 0 && addr >> 24 != 127 && addr >> 28 < 0xe;
}

#endif
