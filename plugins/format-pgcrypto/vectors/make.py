#!/usr/bin/env python3
"""Makes the test vectors of this folder with PostgreSQL's own pgcrypto.

    make.py sound  URL > pgcrypto.json         a server that can run every cipher
    make.py leaked URL > cve-2026-14663.json   a server with CVE-2026-14663

OpenSSL 3 keeps Blowfish and CAST5 in its legacy provider. The first server must load it: start it with OPENSSL_CONF
naming a file that activates the providers `default` and `legacy`. The second one must not load it, and be older than
14.24, 15.19, 16.15, 17.11 or 18.6 (Debian's postgresql-15 15.18-0+deb12u1 served). URL is what psql takes; the
extension must be there. Salts and prefixes are random, so every run makes other vectors of the same kinds.
"""

import base64
import itertools
import json
import subprocess
import sys

PASSPHRASE = "correct horse battery staple"
CIPHERS = ["aes128", "aes192", "aes256", "bf", "3des", "cast5"]
DIGESTS = ["sha1", "md5", "ripemd160", "sha256", "sha384", "sha512"]
COUNTS = [1024, 1500, 65536, 253952]
TEXTS = ["hello", "", "two\nlines\r\nand more\n", "Grüße, 世界", "a" * 200, "lorem ipsum " * 30]


def sound():
    """Ciphers, modes, MDC, session keys and compression in full; the other options in turn."""
    turn = itertools.count()
    for cipher, mode, mdc, session, compression in itertools.product(CIPHERS, (0, 1, 3), (0, 1), (0, 1), (0, 1, 2)):
        n = next(turn)
        options = [f"cipher-algo={cipher}", f"s2k-mode={mode}", f"disable-mdc={mdc}", f"sess-key={session}"]
        options += [f"compress-algo={compression}", f"s2k-digest-algo={DIGESTS[n % 6]}"]
        if mode == 3:
            options.append(f"s2k-count={COUNTS[n // 3 % 4]}")
        if session and n % 4:
            options.append(f"s2k-cipher-algo={CIPHERS[n // 4 % 6]}")
        options += [f"unicode-mode={n // 2 % 2}", f"convert-crlf={n // 5 % 2}"]
        yield dict(options=",".join(options), text=TEXTS[n % 5 if n % 7 else 5], bytes=n % 11 == 0, armor=n % 13 == 0)
    yield dict(options="", text="all defaults")
    yield dict(options="compress-algo=1,compress-level=9", text="level nine " * 40)
    yield dict(options="compress-algo=1,compress-level=0", text="level nought")
    yield dict(options="s2k-cipher-algo=aes256", text="no session key")
    # Around the lengths where a packet's length takes another form; pieces are 16,384 bytes.
    for length in (142, 143, 185, 186, 8333, 8334, 8377, 8378, 16331, 16378, 33000):
        yield dict(options="s2k-mode=1", text="x" * length)
    yield dict(options="disable-mdc=1", text="x" * 16353)
    yield dict(options="compress-algo=2", text="".join(chr(33 + n * n % 89) for n in range(20000)))


def leaked():
    """Every way in which Blowfish or CAST5 takes part."""
    for cipher, mdc, compression in itertools.product(("bf", "cast5"), (0, 1), (0, 1, 2)):
        rest = f",disable-mdc={mdc},compress-algo={compression}"
        yield dict(options=f"cipher-algo={cipher}{rest}", text="leaked data")
        yield dict(options=f"cipher-algo={cipher},sess-key=1,s2k-cipher-algo=aes256{rest}", text="leaked data")
        yield dict(options=f"cipher-algo=aes256,sess-key=1,s2k-cipher-algo={cipher}{rest}", text="leaked session key")
        yield dict(options=f"cipher-algo=3des,sess-key=1,s2k-cipher-algo={cipher}{rest}", text="leaked session key")
        yield dict(options=f"cipher-algo={cipher},sess-key=1,s2k-cipher-algo=bf{rest}", text="both leaked")
    yield dict(options="cipher-algo=bf", text="armored", armor=True)
    yield dict(options="cipher-algo=cast5", text="z" * 20000)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def statement(vector):
    """One line for a vector: the cell, and the literal data as the server itself reads it, both in base64."""
    text, options, passphrase = quoted(vector["text"]), quoted(vector["options"]), quoted(PASSPHRASE)
    if vector.get("bytes"):
        cell = f"pgp_sym_encrypt_bytea(convert_to({text}, 'UTF8'), {passphrase}, {options})"
    else:
        cell = f"pgp_sym_encrypt({text}, {passphrase}, {options})"
    data = f"pgp_sym_decrypt_bytea(c, {passphrase})"
    shown = "convert_to(armor(c), 'UTF8')" if vector.get("armor") else "c"
    line = " || ' ' || ".join(f"translate(encode({value}, 'base64'), E'\\n', '')" for value in (shown, data))
    return f"select {line} from (select {cell} offset 0) as made(c);"


def main():
    kind, url = sys.argv[1:]
    vectors = list({"sound": sound, "leaked": leaked}[kind]())
    script = "\n".join(["select version();", *map(statement, vectors)])
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url]
    version, *lines = subprocess.run(
        command, input=script, capture_output=True, check=True, text=True
    ).stdout.splitlines()
    for vector, line in zip(vectors, lines, strict=True):
        cell, data = line.split(" ")
        if vector.get("armor"):
            vector["cell"] = base64.b64decode(cell).decode()
        else:
            vector["cell"] = cell
        vector["data"] = base64.b64decode(data).decode()
        if len(vector["data"]) > 1000 and len(set(vector["data"])) == 1:
            vector["times"] = len(vector["data"])
            vector["data"] = vector["data"][0]
        del vector["text"]
    header = dict(producer="pgcrypto", version=version, script=f"make.py {kind}", passphrase=PASSPHRASE)
    head = json.dumps(header, ensure_ascii=False)[1:-1]
    body = ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors)
    print("{" + head + ', "vectors": [\n' + body + "\n]}")


main()
