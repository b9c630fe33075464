"""A mail server of another make (aiosmtpd), for the tests of notices. Prints its port, then serves until it is killed.

usage: smtp.py FOLDER [--tls starttls|implicit] [--auth USER:PASSWORD] [--name NAME]...

FOLDER/mode says, anew for each mail, what becomes of it:
  ok          taken
  pause:S     taken after S seconds
  later       refused, to be asked again (451)
  no          refused for good (550)
  sender      refused for good at its sender (550)
  recipient   refused for good at its recipient (550)
  login       refused at the login (535)
  drop        the connection is cut in the middle
  drop-after  taken, and the connection is cut before the answer
  stall       taken, and never answered
Every mail that is taken is a line of FOLDER/mails: JSON with its recipient, its headers and its parts.
With TLS, FOLDER/ca.pem is the certificate that the server shows, and the one to trust. It is for the names, or for localhost.
"""

import argparse
import asyncio
import email
import email.policy
import json
import pathlib
import ssl

import certificate
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def tls(folder, names):
    """TLS with a certificate for these names."""
    certificate.write(folder, names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "ca.key")
    return context


class Handler:
    def __init__(self, folder):
        self.folder = folder

    def mode(self):
        return (self.folder / "mode").read_text().strip()

    def keep(self, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: (mail.get_body((kind,)).get_content() if mail.get_body((kind,)) else None)
        line = {
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "text": part("plain"),
            "html": part("html"),
        }
        with open(self.folder / "mails", "a") as mails:
            mails.write(json.dumps(line) + "\n")

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.mode() == "sender":
            return "550 5.7.1 no mail from you"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode() == "recipient":
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mode, _, seconds = self.mode().partition(":")
        if mode == "later":
            return "451 4.7.1 come back later"
        if mode == "no":
            return "550 5.1.1 no such user here"
        if mode == "drop":
            server.transport.abort()
            return "421 gone"
        if mode == "pause":
            await asyncio.sleep(float(seconds))
        self.keep(envelope)
        if mode == "drop-after":
            server.transport.abort()
        if mode == "stall":
            await asyncio.sleep(600)
        return "250 OK"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tls", choices=["starttls", "implicit"])
    parser.add_argument("--auth")
    parser.add_argument("--name", action="append")
    args = parser.parse_args()
    handler = Handler(args.folder)
    names = args.name or ["localhost", "127.0.0.1"]
    context = tls(args.folder, names) if args.tls else None

    def login(server, session, envelope, mechanism, data):
        if isinstance(data, LoginPassword) and handler.mode() != "login":
            user, _, password = args.auth.partition(":")
            good = (data.login.decode(), data.password.decode()) == (user, password)
        else:
            good = False
        return AuthResult(success=good, handled=True) if good else AuthResult(success=False, handled=False)

    def server():
        starttls = args.tls == "starttls"
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=bool(args.auth),
            auth_require_tls=starttls,
            authenticator=login if args.auth else None,
        )

    loop = asyncio.get_running_loop()
    implicit = context if args.tls == "implicit" else None
    listening = await loop.create_server(server, "127.0.0.1", 0, ssl=implicit)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


asyncio.run(main())
