#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""`forking.py CONNECTIONS`: a server that forks for each connection, and a client process, over
loopback. The child answers and closes; every third connection the client closes first, every
fifth the child exits without closing. Prints one JSON list per connection: client port, pid of the
server, pid of its child."""

import json
import os
import socket
import sys


def rename(name):
    with open("/proc/self/comm", "w", encoding="utf-8") as comm:
        comm.write(name)


def child(connection, number):
    rename("forking-child")
    connection.recv(100)
    connection.sendall(b"x" * 100)
    if number % 3 == 0:
        connection.recv(100)
    if number % 5:
        connection.close()
    os._exit(0)


def serve(listener, connections):
    rename("forking-server")
    for number in range(connections):
        connection, peer = listener.accept()
        pid = os.fork()
        if pid == 0:
            child(connection, number)
        connection.close()
        print(json.dumps([peer[1], os.getpid(), pid]), flush=True)
    for _ in range(connections):
        os.wait()


def use(address, connections):
    rename("forking-client")
    for number in range(connections):
        with socket.create_connection(address) as connection:
            connection.sendall(b"x" * 100)
            connection.recv(100, socket.MSG_WAITALL)
            if number % 3:
                connection.recv(100)


def main():
    connections = int(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server = os.fork()
        if server == 0:
            serve(listener, connections)
            os._exit(0)
        use(listener.getsockname(), connections)
    status = os.waitpid(server, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))


main()
