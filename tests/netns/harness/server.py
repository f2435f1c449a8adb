# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Real servers, ready when they say so."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading

from .tap import Failure, Skip
from .tracer import Appearance

DEADLINE = 20
NGINX = """daemon off; worker_processes 2; user root; pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_timeout 5s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  limit_rate_after 2k; limit_rate 10k;
  server {{ listen 0.0.0.0:{port}; listen [::]:{port}; root {folder}; }}
}}
"""


class Server:
    """A program in a namespace; `ready` is a text that it prints, or a file that it creates."""

    def __init__(self, namespace, words, ready_text=None, ready_file=None, end=signal.SIGTERM,
                 folder=None):
        self._end = end
        self._folder = folder
        appearance = Appearance(ready_file) if ready_file else None
        if shutil.which(words[0]) is None:
            raise Skip(f"{words[0]} is not installed")
        with namespace:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, text=True,
                                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if appearance:
            ready = appearance.wait(self._process, DEADLINE)
            appearance.close()
        else:
            ready = any(ready_text in line for line in self._process.stdout)
        # Nobody may wait because its log is not read.
        self._reader = threading.Thread(target=self._process.stdout.read)
        self._reader.start()
        if not ready:
            self.stop()
            raise Failure(f"{words[0]} did not start")

    def stop(self):
        self._process.send_signal(self._end)
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        if self._folder:
            shutil.rmtree(self._folder)


def fill(folder, sizes):
    """Files of these sizes by name."""
    for name, size in sizes.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"x" * size)


def nginx(namespace, port):
    """Serves index.html (1 kB) at once, page.bin (13 kB) in about 0.1 s and large.bin (1 MB) in
    more than a minute, so that a second's load is of a size that the judge can follow."""
    folder = tempfile.mkdtemp(prefix="tcpclose-nginx-")
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(NGINX.format(folder=folder, port=port))
    fill(folder, {"index.html": 1000, "page.bin": 13000, "large.bin": 1000000})
    os.chmod(folder, 0o755)
    return Server(namespace, ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf",
                              "-e", f"{folder}/error.log"],
                  ready_file=f"{folder}/pid", end=signal.SIGQUIT, folder=folder)


def redis(namespace, port):
    return Server(namespace, ["redis-server", "--port", str(port), "--bind", "0.0.0.0", "::",
                              "--protected-mode", "no", "--save", "", "--appendonly", "no"],
                  ready_text="Ready to accept connections")


def python_http(namespace, port):
    """Python's HTTP/1.0 server, which closes first: index.html (5 kB) and large.bin (5 MB)."""
    folder = tempfile.mkdtemp(prefix="tcpclose-http-")
    fill(folder, {"index.html": 5000, "large.bin": 5000000})
    return Server(namespace, ["/usr/bin/python3", "-u", "-m", "http.server", str(port),
                              "--bind", "::", "--directory", folder],
                  ready_text="Serving HTTP", end=signal.SIGINT, folder=folder)
