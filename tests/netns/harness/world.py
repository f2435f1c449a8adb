# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The usual surroundings of a case: two namespaces, a tun device and a cable, one tracer that sees
the whole machine in its default configuration."""

import contextlib
import json

from .namespace import Namespace
from .puppet import Puppet
from .tap import Failure
from .tracer import Tracer
from .wire import Cable, Peer, Tun

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
TUN_HERE, TUN_PEER = {4: "10.79.0.1", 6: "fd79::1"}, {4: "10.79.0.2", 6: "fd79::2"}
CABLE_THERE = {4: "10.78.0.2", 6: "fd78::2"}


class World:
    def __init__(self, *options):
        self._stack = contextlib.ExitStack()
        self._options = options

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.here, self.there = Namespace("here"), None
            stack.callback(self.here.remove)
            self.there = Namespace("there")
            stack.callback(self.there.remove)
            self.tun = Tun(self.here, "tun0", [TUN_HERE[4] + "/24", TUN_HERE[6] + "/64"])
            stack.callback(self.tun.close)
            self.cable = Cable(self.here, self.there)
            stack.callback(self.cable.close)
            self.tracer = stack.enter_context(Tracer(*self._options, recorded=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    @contextlib.contextmanager
    def puppet(self, name, namespace=None):
        puppet = Puppet(namespace or self.here, name)
        try:
            yield puppet
        finally:
            puppet.stop()

    @contextlib.contextmanager
    def pair(self, address, client_in, server_in):
        """A client and a server, connected."""
        with self.puppet("client", client_in) as client, self.puppet("server", server_in) as server:
            client.connect(address, server.listen(address))
            server.accept()
            yield client, server

    def loopback(self, family=4):
        return self.pair(LOOPBACK[family], self.here, self.here)

    def cabled(self, family=4):
        """Over the cable, whose segments the test can hold."""
        return self.pair(CABLE_THERE[family], self.here, self.there)

    def peer(self, family=4):
        return Peer(self.tun, TUN_HERE[family], TUN_PEER[family])

    @contextlib.contextmanager
    def peered(self, family=4, dial=False):
        """A puppet connected to a peer that the test plays; `dial`: by the peer."""
        peer = self.peer(family)
        with self.puppet("puppet") as puppet:
            if dial:
                puppet.listen(TUN_HERE[family])
                peer.dial(puppet)
            else:
                peer.answer(puppet)
            yield puppet, peer

    def teardown(self, puppet, local=None, remote=None, tracer=None):
        """The object of the puppet's socket, once it is reported."""
        ends = [list(local or puppet.local), list(remote or puppet.remote)]

        def wanted(found):
            return (found["type"] == "teardown" and
                    found["local"].get("netns") == puppet.namespace.inode and
                    [[found[end]["addr"], found[end]["port"]] for end in ("local", "remote")] ==
                    ends)
        return (tracer or self.tracer).take(wanted, f"teardown of {puppet.name} {ends}")

    def conclude(self):
        """Ends the tracer: nothing else was reported of these namespaces, nothing was lost, and
        the summary agrees with the objects."""
        outcome = self.tracer.stop()
        wrong = [f"status {outcome.status}"] if outcome.status else []
        inodes = {self.here.inode, self.there.inode}
        for found in self.tracer.left():
            if found["type"] == "not JSON":
                wrong.append(json.dumps(found))
            elif found["type"] == "teardown" and found["local"].get("netns") in inodes:
                wrong.append("reported as well: " + json.dumps(found))
        wrong += check_totals(self.tracer, outcome)
        if wrong:
            raise Failure("\n".join(wrong))


def check_totals(tracer, outcome):
    """The summary, the stats object and the number of objects tell the same."""
    stats, teardowns = tracer.objects("stats"), tracer.objects()
    if outcome.summary is None:
        return [f"no summary at the end of stderr: {outcome.stderr!r}"]
    if len(stats) != 1 or tracer.objects(stats[0]["type"])[-1] is not stats[0]:
        return [f"{len(stats)} stats objects"]
    wrong = []
    for field in ("teardowns", "unfinished", "records"):
        if stats[0][field] != outcome.summary[field]:
            wrong.append(f"{field}: {stats[0][field]} in stats, summary {outcome.summary}")
    if outcome.summary["lost"] != sum(stats[0]["lost"].values()):
        wrong.append(f"lost: {stats[0]['lost']} in stats, summary {outcome.summary}")
    if outcome.summary["lost"]:
        wrong.append(f"records were lost: {stats[0]['lost']}")
    if any("schema" not in found or found["schema"] != 1 for found in teardowns + stats):
        wrong.append("an object has no schema 1")
    unfinished = sum("stopped" in found["incomplete"] for found in teardowns)
    # A close of the machine's own that was found under way, and did not move, has no object.
    if outcome.summary["teardowns"] != len(teardowns) - unfinished or \
            outcome.summary["unfinished"] < unfinished:
        wrong.append(f"{len(teardowns)} objects, {unfinished} of them stopped, summary "
                     f"{outcome.summary}")
    return wrong
