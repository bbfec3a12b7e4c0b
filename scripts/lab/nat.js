/**
 * Kinds of NAT, as nftables rules. In each, `wan` is the interface towards the internet and `lan` the one towards the players. In the terms of
 * RFC 4787 all but the symmetric one map independently of the endpoint: Linux keeps the port of a socket where it can.
 */

/** What there is to say of each kind: `mapping` and `filtering` in the terms of RFC 5780, none where the doctor finds no UDP. */
export const KINDS = {
  none: { title: 'no NAT', mapping: 'none', filtering: 'endpoint-independent' },
  full: { title: 'full cone', mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  restricted: { title: 'address-restricted cone', mapping: 'endpoint-independent', filtering: 'address-dependent' },
  port: { title: 'port-restricted cone', mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  symmetric: { title: 'symmetric', mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
  blocked: { title: 'UDP blocked', mapping: undefined, filtering: undefined },
  double: { title: 'double NAT', mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
}

/** How long the rules remember a hole that a player has punched; as conntrack does for UDP that was not answered. */
const HOLE = '60s'

/** Whether a direct path between two kinds is possible in theory: neither end can be reached by whoever has only seen the other's address. */
export function canBeDirect(a, b) {
  if (a === 'blocked' || b === 'blocked') return false
  const isStrict = (kind) => kind === 'port' || kind === 'double' || kind === 'symmetric'
  return !((a === 'symmetric' && isStrict(b)) || (b === 'symmetric' && isStrict(a)))
}

/** The rules of a NAT of a kind, with its address towards the internet. @param hairpin Whether players reach each other by that address. */
export function natRules(kind, wanAddress, { hairpin = false } = {}) {
  const cone = kind === 'full' || kind === 'restricted' || hairpin
  return `
table inet lab {
  ${cone ? holes() : ''}
  chain before {
    type nat hook prerouting priority dstnat; policy accept;
    ${kind === 'full' ? 'iifname "wan" meta l4proto udp udp dport @ports dnat ip to udp dport map @ports;' : ''}
    ${kind === 'restricted' ? 'iifname "wan" meta l4proto udp ip saddr . udp dport @seen dnat ip to udp dport map @ports;' : ''}
    ${hairpin ? `iifname "lan" ip daddr ${wanAddress} udp dport @ports dnat ip to udp dport map @ports;` : ''}
  }
  chain through {
    type filter hook forward priority filter; policy accept;
    ${kind === 'blocked' ? 'meta l4proto udp drop;' : ''}
    ${cone ? 'oifname "wan" meta l4proto udp update @ports { udp sport : ip saddr };' : ''}
    ${cone ? 'oifname "wan" meta l4proto udp update @seen { ip daddr . udp sport };' : ''}
  }
  chain after {
    type nat hook postrouting priority srcnat; policy accept;
    meta nfproto ipv4 oifname "wan" masquerade${kind === 'symmetric' ? ' random,fully-random' : ''};
    ${hairpin ? `oifname "lan" ct status dnat snat ip to ${wanAddress};` : ''}
  }
  chain inside {
    # What nobody has asked for is dropped without a trace: a connection that conntrack remembered would take the port of the hole.
    type filter hook input priority filter; policy accept;
    iifname "wan" meta l4proto udp ct state new drop;
  }
}
`
}

/** Which player has sent from a port, and to whom. */
function holes() {
  return `map ports {
    type inet_service : ipv4_addr; flags dynamic,timeout; timeout ${HOLE};
  }
  set seen {
    type ipv4_addr . inet_service; flags dynamic,timeout; timeout ${HOLE};
  }`
}

/** What homes have in front of their IPv6 addresses: no NAT, but who has not been asked does not get in. RFC 6092. */
export function firewallRules() {
  return `
table ip6 firewall {
  chain through {
    type filter hook forward priority filter; policy accept;
    iifname "wan" meta l4proto udp ct state new drop;
  }
}
`
}

/** Rules that lose a share of what goes to and from the internet. @param percent 1 to 100 */
export function lossRules(percent) {
  return `
table inet loss {
  chain through {
    type filter hook postrouting priority 300; policy accept;
    oifname { "wan", "lan" } meta l4proto udp numgen random mod 100 < ${percent} drop;
  }
}
`
}

/** Where a router that maps ports puts its rules. */
export function mapperRules() {
  return `
table inet miniupnpd {
  chain forward { type filter hook forward priority filter; policy accept; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; }
}
`
}

/** How it is to work. @param protocol `pcp` or `upnp` */
export function mapperSettings(protocol) {
  return `
ext_ifname=wan
listening_ip=lan
http_port=5000
enable_natpmp=${protocol === 'pcp' ? 'yes' : 'no'}
enable_upnp=${protocol === 'upnp' ? 'yes' : 'no'}
secure_mode=yes
uuid=5b0c1c5e-7c39-4c0e-8c52-3d0f8a6a1e55
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=forward
upnp_nat_chain=prerouting
upnp_nat_postrouting_chain=postrouting
allow 1024-65535 192.168.0.0/16 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`
}

/** Counts what comes from an address or goes to it. */
export function countRules(address) {
  return `table ip counted {
    counter straight { }
    chain in { type filter hook prerouting priority -300; ip saddr ${address} counter name straight; }
    chain out { type filter hook output priority -300; ip daddr ${address} counter name straight; }
  }`
}
