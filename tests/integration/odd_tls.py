"""odd_tls.py - certificates made on the spot, and the odd server behind TLS.

    office = Office(folder)
    with OddTls(office.issue("DNS:localhost,IP:127.0.0.1")) as server:
        load(server.url("/ok"), office.ca)
"""
import os
import socket
import ssl
import struct
import subprocess
import time

from odd_server import OK, Gone, OddServer


class Office:
    """A certificate authority; needs the program openssl. ca: the text of its certificate."""

    def __init__(self, folder, name="office"):
        self.folder, self.name, self.count = folder, name, 0
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                     "-subj", "/CN=" + name, "-keyout", self.path("key"), "-out", self.path("crt"))
        with open(self.path("crt"), encoding="ascii") as f:
            self.ca = f.read()

    def path(self, kind, number=""):
        return os.path.join(self.folder, "%s%s.%s" % (self.name, number, kind))

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue(self, names, expired=False, client=False):
        """A certificate for these subjectAltNames: the paths (certificate, key)."""
        self.count += 1
        key, request, cert, more = (self.path(kind, self.count) for kind in ("key", "csr", "crt", "ext"))
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", "/CN=leaf", "-keyout", key, "-out", request)
        with open(more, "w", encoding="ascii") as f:
            f.write("subjectAltName=%s\nextendedKeyUsage=%s\n" % (names, "clientAuth" if client else "serverAuth"))
        # "openssl x509" takes only -days from now; -days -1 is yesterday.
        self.openssl("x509", "-req", "-in", request, "-CA", self.path("crt"), "-CAkey", self.path("key"),
                     "-set_serial", str(self.count), "-days", "-1" if expired else "5", "-extfile", more, "-out", cert)
        return cert, key


def cut(connection):
    """Ends the wire below TLS, without its notice."""
    raw = socket.socket(fileno=os.dup(connection.fileno()))
    raw.shutdown(socket.SHUT_RDWR)
    raw.close()
    raise Gone


class OddTls(OddServer):
    scheme = "https"

    def __init__(self, paper, client_ca=None, versions=None, slow=0, **more):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*paper)
        self.context.set_alpn_protocols(["http/1.1"])
        if versions:
            self.context.minimum_version = self.context.maximum_version = versions
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(cadata=client_ca)
        self.slow = slow  # seconds before the handshake
        self.resumed = 0
        self.failed = []  # handshakes, as text
        self.names, self.alpn = set(), set()
        self.context.sni_callback = lambda connection, name, context: self.names.add(name)
        super().__init__(**more)

    def wrap(self, connection):
        super().wrap(connection)
        if self.slow:
            time.sleep(self.slow)
        try:
            wrapped = self.context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
        except ssl.SSLError as e:
            self.failed.append(str(e))
            raise Gone from None
        self.resumed += wrapped.session_reused
        self.alpn.add(wrapped.selected_alpn_protocol())
        return wrapped

    # --- manners that only TLS has ---

    @staticmethod
    def do_notify(connection):
        """Until the end, which comes in order."""
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        connection.unwrap()
        raise Gone

    @staticmethod
    def do_no_notify(connection):
        """Until the end, and the end is a cut wire."""
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        cut(connection)

    @staticmethod
    def do_length_no_notify(connection):
        """The length is known, so the cut wire behind it says nothing."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
        cut(connection)

    @staticmethod
    def do_notify_early(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nhi")
        connection.unwrap()
        raise Gone

    @staticmethod
    def do_cleartext(connection):
        """Plain HTTP in the middle of TLS."""
        raw = socket.socket(fileno=os.dup(connection.fileno()))
        raw.sendall(OK)
        raw.close()
        time.sleep(0.2)
        raise Gone

    @staticmethod
    def do_bad_record(connection):
        """A record whose bytes do not fit its key."""
        raw = socket.socket(fileno=os.dup(connection.fileno()))
        raw.sendall(b"\x17\x03\x03" + struct.pack(">H", 64) + b"x" * 64)
        raw.close()
        time.sleep(0.2)
        raise Gone
