# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The simplest close, and a tracer that must tell of it."""

import contextlib

from .expect import equal
from .namespace import namespaces
from .puppet import Puppet
from .tap import Failure


@contextlib.contextmanager
def place():
    """A network namespace, with this thread in it: the tracer's own."""
    with namespaces("here") as (here,), here:
        yield here


@contextlib.contextmanager
def pair(here, names=("server", "client"), address="127.0.0.1", server_side=None, prefix=()):
    """Two that are connected; `prefix` words start them."""
    with contextlib.ExitStack() as stack:
        ends = [Puppet(place, name, prefix) for place, name in zip((server_side or here, here),
                                                                   names)]
        for end in ends:
            stack.callback(end.stop)
        server, client = ends
        client.connect(address, server.listen(address))
        server.accept()
        client.send(10) # or else the acknowledgement of the FIN is not delayed for long
        server.receive(10)
        yield server, client


def close(ends):
    server, client = ends
    server.start("read_end_and_close")
    client.close()
    server.finish()


def close_one(here, **how):
    """A pair that closes; its client."""
    with pair(here, **how) as ends:
        close(ends)
        return ends[1]


def of(here):
    return lambda found: (found["type"] == "teardown" and
                          found["local"].get("netns") == here.inode)


def traces(here, tracer, segments=4):
    """It tells of both ends of a close."""
    with pair(here) as ends:
        close(ends)
        for _ in range(2):
            found = tracer.take(of(here), "teardown")
            if segments:
                equal("kind", found["kind"], "three-way")
            if bool(found["segments"]) != bool(segments):
                raise Failure(f"segments: {found['segments']}")
