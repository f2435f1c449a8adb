# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Requests to nginx, over connections that stay open and over one for each, with and without."""

import contextlib
import math
import os
import re
import tempfile
from functools import partial

import places
import tools
from harness.namespace import command
from harness.server import Server
from harness.tap import Failure
from pairs import pairs
from results import least, measure

SUBJECT = "requests"
PORT = 8080
NGINX = """daemon off; worker_processes 1; user root; pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen {port} backlog=4096; return 200 "{body}"; }}
}}
"""
BODY = "x" * 600
WRK = ["wrk", "-t", "1", "-c", "32"]
CLOSING = ["-H", "Connection: close"]


@contextlib.contextmanager
def served(place):
    folder = tempfile.mkdtemp(prefix="tcpclose-nginx-")
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(NGINX.format(folder=folder, port=PORT, body=BODY))
    server = Server(place.servers, ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf", "-e",
                                    f"{folder}/error.log"],
                    ready_file=f"{folder}/pid", folder=folder)
    try:
        yield
    finally:
        server.stop()


def ask(place, options, seconds):
    """Requests per second."""
    with place.clients:
        told = command(*WRK, "-d", f"{math.ceil(seconds)}s", *options,
                       f"http://{place.address}:{PORT}/")
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if not found or not float(found.group(1)) or "Non-2xx" in told:
        raise Failure(told)
    return float(found.group(1))


def compare(place, options, goal, settings):
    def traced():
        with tools.LIVE(place) as running:
            rate = ask(place, options, settings.seconds)
            lost.append(running.end())
        return rate
    lost = []
    found = pairs(traced, lambda: ask(place, options, settings.seconds), settings.rounds)
    return measure("requests/s", *zip(*found), goal=goal, lost=sum(lost))


def benchmarks(settings):
    with places.veth() as place, served(place):
        yield "nginx, keep-alive", partial(compare, place, [], least(0.99), settings)
        yield "nginx, a connection for each", partial(compare, place, CLOSING, None, settings)
