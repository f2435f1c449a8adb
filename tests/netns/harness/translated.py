# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""client - veth1 - router - veth2 - server, where the router translates both addresses: what the
client calls 10.77.1.2:8000 is 10.77.2.2:9000, and the server sees the router as its client."""

import contextlib

from .namespace import Namespace, connect_by_veth
from .puppet import Puppet

PORT_OUTSIDE, PORT_INSIDE = 8000, 9000
OUTSIDE_4, OUTSIDE_6 = "10.77.1.2", "fd77:1::2"
INSIDE_4, INSIDE_6 = "10.77.2.2", "fd77:2::2"
RULES = f"""
table inet translate {{
  chain before {{
    type nat hook prerouting priority dstnat;
    ip daddr {OUTSIDE_4} tcp dport {PORT_OUTSIDE} dnat ip to {INSIDE_4}:{PORT_INSIDE}
    ip6 daddr {OUTSIDE_6} tcp dport {PORT_OUTSIDE} dnat ip6 to [{INSIDE_6}]:{PORT_INSIDE}
  }}
  chain after {{
    type nat hook postrouting priority srcnat;
    oifname "veth2l" masquerade random
  }}
}}
"""


class Translated:
    """`with Translated() as world:` makes the namespaces and removes them."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.client_side, self.router, self.server_side = (
                Namespace(label) for label in ("client", "router", "server"))
            for namespace in (self.client_side, self.router, self.server_side):
                stack.callback(namespace.remove)
            self.client_end = connect_by_veth(self.client_side, self.router, 1)[0]
            self.server_end = connect_by_veth(self.router, self.server_side, 2)[1]
            self.router.sysctl("net.ipv4.ip_forward", 1)
            self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
            self.router.nft(RULES)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    @contextlib.contextmanager
    def connected(self, inside=INSIDE_4, outside=OUTSIDE_4):
        """A client and a server, connected through the router."""
        with contextlib.ExitStack() as stack:
            server, client = Puppet(self.server_side, "server"), Puppet(self.client_side, "client")
            stack.callback(server.stop)
            stack.callback(client.stop)
            server.listen(inside, 8, PORT_INSIDE)
            client.connect(outside, PORT_OUTSIDE)
            server.accept()
            yield client, server
