"""nginx's configuration for either side of the wire, and certificates that only the test trusts.

    web = Web(net)                          # makes an authority, and a certificate for host.test and guest.test
    web.serve_host()                        # Debian's nginx in the namespace
    programs("nginx", more=web.guest())     # the same configuration in the guest, /etc/nginx/web.conf

Served: /1k, /10m and what else is in the folder; PUT below /put/; /old, a redirection; /said, what was sent.
"""
import hashlib
import os
import subprocess

from programs import LIMIT

SITE = """
    {mode} worker_processes {workers}; pid {run}/nginx.pid; error_log {run}/error.log;
    events {{ worker_connections 1024; }}
    http {{
        access_log {run}/access.log; sendfile on; keepalive_requests 1000000; client_max_body_size 64m;
        client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
        uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {keys}/site.pem; ssl_certificate_key {keys}/site.key;
        server {{
            listen {ip}:80; {more}
            listen {ip}:443 ssl http2;
            root {www};
            location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
            location = /old {{ return 302 /1k; }}
            location = /said {{ return 200 "$request_method $content_length"; }}
        }}
    }}
"""


def serve(net, port, *command):
    """Start a server in the namespace and wait until it listens."""
    net.need(command[0])
    return net.ready(net.spawn(*command), command[0], port)


def pattern(size, salt=b""):
    """Bytes that repeat at no power of two."""
    unit = bytes(range(251)) + salt
    return (unit * (size // len(unit) + 1))[:size]


FILES = {"1k": pattern(1 << 10, b"1k"), "10m": pattern(10 << 20, b"10m")}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def authority(folder, *names):
    """Make ca.pem, and site.pem with site.key for these names, in the folder."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=LIMIT)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=Authority")
    openssl("req", *curve, "-keyout", "site.key", "-out", "site.csr", "-subj", f"/CN={names[0]}")
    with open(os.path.join(folder, "names"), "w") as f:
        f.write("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
    openssl("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "3650", "-extfile", "names", "-out", "site.pem")


class Web:
    def __init__(self, net):
        self.net = net
        net.need("openssl")
        net.need("nginx", "nginx-light")
        authority(net.dir, "host.test", "guest.test")
        self.ca = os.path.join(net.dir, "ca.pem")

    def read(self, name):
        with open(os.path.join(self.net.dir, name)) as f:
            return f.read()

    def serve_host(self):
        net = self.net
        for name, data in FILES.items():
            with open(os.path.join(net.www, name), "wb") as f:
                f.write(data)
        conf = os.path.join(net.dir, "web.conf")
        with open(conf, "w") as f:
            f.write(SITE.format(mode="daemon off; user root;", workers=1, run=net.dir, keys=net.dir, www=net.www,
                                ip=net.host_ip, more=""))
        serve(net, 80, "nginx", "-c", conf, "-e", f"{net.dir}/nginx.log")

    def guest(self):
        """Files of the guest: nginx's configuration, its keys, what it serves."""
        files = {f"srv/{name}": data for name, data in FILES.items()}
        conf = SITE.format(mode="user www-data;", workers=2, run="/run/web", keys="/etc/nginx", www="/srv",
                           ip="0.0.0.0", more="listen unix:/run/web.sock;")
        return {**files, "etc/nginx/web.conf": conf,
                "etc/nginx/site.pem": self.read("site.pem"), "etc/nginx/site.key": self.read("site.key")}
