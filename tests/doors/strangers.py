"""What no client sends to the Flight SQL door. Everything is refused with a reason, and whoever has a key comes in afterwards."""

import random
import socket
import sys

import pyarrow as pa
import pyarrow.flight as flight

port, key, nobody = int(sys.argv[1]), sys.argv[2], sys.argv[3]
SQL = b"type.googleapis.com/arrow.flight.protocol.sql."
REFUSED = (flight.FlightError, pa.ArrowException, OSError)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def member(number, content):
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def packed(name, content):
    return member(1, SQL + name) + member(2, content)


def statement(text):
    return flight.FlightDescriptor.for_command(packed(b"CommandStatementQuery", member(1, text.encode())))


def client(user=None, password=None):
    connection = flight.connect(f"grpc://127.0.0.1:{port}", disable_server_verification=True)
    if user is None:
        return connection, flight.FlightCallOptions(timeout=20)
    token = connection.authenticate_basic_token(user, password)
    return connection, flight.FlightCallOptions(headers=[token], timeout=20)


def refused(what, call):
    try:
        answer = call()
    except REFUSED as error:
        return str(error)
    raise SystemExit(f"{what} was answered: {answer!r}")


def greeted():
    connection, options = client("ana", key)
    ticket = connection.get_flight_info(statement("SELECT min(seq) AS s FROM events"), options).endpoints[0].ticket
    assert connection.do_get(ticket, options).read_all().column("s").to_pylist() == [0]
    connection.close()


# Bytes that are no HTTP/2, and HTTP/2 that is no gRPC.
preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
seed = random.Random(7)
cases = [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", preface, preface + b"\x7f" * 64]
cases += [preface + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + seed.randbytes(length) for length in range(60)]
cases += [preface + b"\x7f\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(1000)]
for case in cases:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
        try:
            stream.sendall(case)
            stream.shutdown(socket.SHUT_WR)
            while stream.recv(65_536):
                pass
        except OSError:
            pass
greeted()

# Without a key nothing is told, whatever is asked.
connection, options = client()
assert "sign in" in refused("a stranger", lambda: connection.get_flight_info(statement("SELECT 1"), options))
refused("a stranger's ticket", lambda: connection.do_get(flight.Ticket(packed(b"CommandGetTables", b"")), options).read_all())
refused("a stranger's list", lambda: list(connection.list_flights(options=options)))

# With a key: a ticket is good once, for whom it was made, and cannot be made up.
ana, options = client("ana", key)
nora, of_nora = client("nora", nobody)
ticket = ana.get_flight_info(statement("SELECT 1 AS n"), options).endpoints[0].ticket
assert ana.do_get(ticket, options).read_all().num_rows == 1
assert "the ticket is used" in refused("a used ticket", lambda: ana.do_get(ticket, options).read_all())
ticket = ana.get_flight_info(statement("SELECT 1 AS n"), options).endpoints[0].ticket
refused("somebody else's ticket", lambda: nora.do_get(ticket, of_nora).read_all())
for made_up in [b"", b"x", bytes(100), packed(b"TicketStatementQuery", member(1, b"0" * 64)), packed(b"Nothing", b""), seed.randbytes(500)]:
    refused("a made-up ticket", lambda made_up=made_up: ana.do_get(flight.Ticket(made_up), options).read_all())
    refused("a made-up command", lambda made_up=made_up: ana.get_flight_info(flight.FlightDescriptor.for_command(made_up), options))
    refused("a made-up action", lambda made_up=made_up: list(ana.do_action(flight.Action("CreatePreparedStatement", made_up), options)))

# What writes, what is too long, what is no statement.
for text in ["DELETE FROM events", "SELECT 1; SELECT 2", "", "\0", "COPY events TO '/tmp/x'", "SELECT " + "1," * 100_000 + "1"]:
    refused("a statement", lambda text=text: ana.do_get(ana.get_flight_info(statement(text), options).endpoints[0].ticket, options).read_all())
refused("too much", lambda: ana.get_flight_info(statement("x" * (1 << 20)), options))
update = flight.FlightDescriptor.for_command(packed(b"CommandStatementUpdate", member(1, b"DELETE FROM events")))


def write():
    writer, reader = ana.do_put(update, pa.schema([("n", pa.int64())]), options)
    writer.write_batch(pa.record_batch([pa.array([1])], names=["n"]))
    writer.done_writing()
    read = reader.read()
    writer.close()
    return read


refused("an update", write)
greeted()
print("strangers were refused")
