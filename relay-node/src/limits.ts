/**
 * Every limit of the relay, each with the reason for its number. docs/LIMITS.md tells operators about them; those that
 * depend on the machine have flags (config.ts).
 */
import { WORK_BITS } from '#lib/protocol/mailbox.ts'

/** Connections in all: 64 KiB each at rest, this is 640 MB, what a small server has. Default of a flag. */
export const MAX_CONNECTIONS = 10_000

/** Connections from one IPv4 address or IPv6 /64: an office or school behind one NAT. Default of a flag. */
export const MAX_CONNECTIONS_PER_ADDRESS = 128

/** Sockets, for each connection there may be: each browser's page and API come over sockets of their own. */
export const SOCKETS_PER_CONNECTION = 2

/** Connections of one peer id: a browser has two, by two ways, and as many more while it moves to another network. */
export const MAX_CONNECTIONS_PER_PEER = 4

/** Connections at once that have not proven who they are: 256 KiB of frame each, this is 64 MB. */
export const MAX_PENDING_CONNECTIONS = 256

/** New connections of one address a second: a café comes back after a power cut, a flood does not get through. */
export const MAX_NEW_CONNECTIONS_PER_SECOND = 32

/** WebRTC-direct handshakes a minute, from everyone: each takes a native connection for up to 10 s. */
export const MAX_WEBRTC_HANDSHAKES_PER_MINUTE = 1_200

/** Streams a peer may have open on one WebSocket connection: a circuit to each of 200 contacts and the protocols. */
export const MAX_STREAMS_PER_CONNECTION = 256

/** From the upgrade to a peer with a proven id: five round trips on a link of 1 s, twice. */
export const HANDSHAKE_TIMEOUT_MS = 10_000

/** Until the headers of an HTTP request are here: they fit into one packet. */
export const HEADERS_TIMEOUT_MS = 5_000

/** Until an HTTP request is here whole: the longest body, at 80 kbit/s. */
export const REQUEST_TIMEOUT_MS = 10_000

/**
 * How long nothing of an HTTP answer may be taken, nor anything else happen on its socket: longer than from one sign of life on an
 * answer of `/connect` to the next. Node looks again once or twice before it believes it.
 */
export const UNREAD_TIMEOUT_MS = 20_000

/** Longest body of an HTTP request in bytes, but for those of mailboxes: no other route takes one. */
export const MAX_BODY_BYTES = 1_024

/** Longest WebSocket message before the peer is known: a Noise handshake message has at most 64 KiB. */
export const MAX_FRAME_BEFORE_AUTHENTICATION_BYTES = 256 * 1_024

/** Longest WebSocket message after that: libp2p writes up to 64 KiB at a time, other clients may join writes. */
export const MAX_FRAME_BYTES = 1_024 * 1_024

/** Fragments of one WebSocket message: browsers and libp2p send one; each costs memory beyond its bytes. */
export const MAX_FRAME_FRAGMENTS = 64

/**
 * Bytes handed to one socket and not yet taken by the network: a second at 1 Mbit/s. They may go as one write, of which nothing is heard
 * until all is taken: through 70 kbit/s that is within `SLOW_READER_TIMEOUT_MS`.
 */
export const MAX_SOCKET_QUEUE_BYTES = 128 * 1_024

/** Bytes waiting behind a full socket, from all streams of the connection: each yamux window once, for four. */
export const MAX_WRITE_BUFFER_BYTES = 1_024 * 1_024

/** How long half of a full queue may take to be read before the reader is cut: a phone that changes cells is back by then. */
export const SLOW_READER_TIMEOUT_MS = 15_000

/** How long the last bytes of a session of /connect that was closed here may take to be fetched. */
export const CONNECT_LINGER_MS = 5_000

/**
 * How long what a session of /connect brings may wait while libp2p reads nothing: the sender has other things to
 * say meanwhile.
 */
export const CONNECT_HOLD_MS = 1_000

/** How often sessions of /connect of which nothing is heard are looked for. */
export const CONNECT_SWEEP_MS = 5_000

/** Requests of one address to /connect a minute: ten people behind one NAT who send and get 1 MB/s each. */
export const MAX_CONNECT_REQUESTS_PER_MINUTE = 12_000

/** Bodies to /connect that are read or wait at once: 64 KiB each, this is 64 MB. */
export const MAX_CONNECT_POSTS_AT_ONCE = 1_024

/** The same of one address: one for each connection it may have. */
export const MAX_CONNECT_POSTS_AT_ONCE_PER_ADDRESS = MAX_CONNECTIONS_PER_ADDRESS

/** WebSockets to /p2p at once whose peer has not proven its key: one message of under 1 KiB each, for `HANDSHAKE_TIMEOUT_MS`. */
export const MAX_RENDEZVOUS_UNPROVEN = 256

/** The same from one address: half of those that may arrive in a second, for an office whose network broke. */
export const MAX_RENDEZVOUS_UNPROVEN_PER_ADDRESS = 16

/** WebSockets that wait for another or are joined: each may leave a full queue to the other, this is 128 MB. */
export const MAX_RENDEZVOUS_SEATS = 512

/** The same of one peer: contacts it cannot meet otherwise, and some more while it comes back by another network. */
export const MAX_RENDEZVOUS_SEATS_PER_PEER = 8

/** The same from one IPv4 address or IPv6 /64, as peer ids cost nothing: a household or small office, and 32 such fill it. */
export const MAX_RENDEZVOUS_SEATS_PER_ADDRESS = 16

/** Bytes for one side of a rendezvous that its network has not taken, of which its socket has `MAX_SOCKET_QUEUE_BYTES`: a second at 2 Mbit/s. */
export const MAX_RENDEZVOUS_QUEUE_BYTES = 256 * 1_024

/** The same in messages, of which each costs memory beyond its bytes. */
export const MAX_RENDEZVOUS_QUEUE_MESSAGES = 100

/** How often a WebSocket to /p2p is pinged: proxies cut idle ones at 20 s. One that has not answered by the next time is cut. */
export const RENDEZVOUS_PING_MS = 15_000

/** How often spent tickets that are over are forgotten. */
export const RENDEZVOUS_SWEEP_MS = 30_000

/** How long a peer may take to be told that another asks for it: the stream of an invitation, on a slow link. */
export const INVITATION_TIMEOUT_MS = 5_000

/** Requests for assistance of one address a minute: an office of 100 whose network has just changed. */
export const MAX_ASSISTS_PER_MINUTE = 240

/** The same of one peer: those of its contacts that are out of reach, each once a minute. */
export const MAX_ASSISTS_PER_PEER_PER_MINUTE = 20

/** The same for one peer, whoever asks: nobody is called to the door more often. */
export const MAX_INVITATIONS_PER_MINUTE = 60

/**
 * Peers that are counted, and requests remembered so that none is answered twice: 100 bytes each. One address brings
 * `MAX_ASSISTS_PER_MINUTE`, so it has 720 of them at most, in the two minutes that they are remembered, of three windows.
 */
export const MAX_REMEMBERED_ASSISTS = 20_000

/** Life of the relay's own prekeys; they are made anew at half of it, so that those given out hold for a while. */
export const ASSIST_PREKEYS_LIFE_MS = 14 * 24 * 60 * 60_000

/** Requests for assistance at once: a signature to verify and to make each, and an invitation that may take its time. */
export const MAX_ASSISTS_AT_ONCE = 64

/** The same from one address. */
export const MAX_ASSISTS_AT_ONCE_PER_ADDRESS = 8

/** How often a WebSocket is pinged: impatient proxies end what has been idle for 20 s. */
export const KEEPALIVE_MS = 15_000

/** Pings in a row that may stay without an answer: a phone that changes cells is back by then. */
export const MAX_UNANSWERED_PINGS = 2

/** Reservations: one for each connection there can be, as every browser holds one. Default of a flag. */
export const MAX_RESERVATIONS = MAX_CONNECTIONS

/** How long a reservation lasts: a browser asleep for an hour is still there; it is dropped with its connection. */
export const RESERVATION_TTL_MS = 2 * 60 * 60_000

/** How long one circuit lasts: as long as the reservation it needs. */
export const CIRCUIT_DURATION_MS = RESERVATION_TTL_MS

/** Bytes through one circuit, both ways: a day of text of two people who cannot connect directly, no film. */
export const CIRCUIT_BYTES = 64n * 1_024n * 1_024n

/** Circuits one connection may open at once: its contacts that are on this relay. */
export const MAX_CIRCUITS_PER_CONNECTION = 200

/** From the first byte of a circuit request to its answer: the other side's round trip, and slack. */
export const CIRCUIT_TIMEOUT_MS = 10_000

/** Values and provider records one peer may put: its own and, for later features, some of its groups. */
export const MAX_DHT_RECORDS_PER_PEER = 64

/** The same for a relay that the settings name or that is on the LAN, which puts the records of its clients. */
export const MAX_DHT_RECORDS_PER_RELAY = 20_000

/** Records in all: 2.5 KB each at most, this is 250 MB of disk. */
export const MAX_DHT_RECORDS = 100_000

/** Signposts besides: 1.5 KB each at most, this is 150 MB of disk. In a month one person has three. */
export const MAX_DHT_SIGNPOSTS = 100_000

/**
 * Signposts one address may have put into the DHT in an hour. A browser does so twice a day and whenever it starts, and
 * tries again for as long as it is refused: an office of 100 is through in four hours. In the 30 days a signpost
 * stands, one address fills a quarter of the places.
 */
export const MAX_SIGNPOSTS_PER_HOUR = 32

/** Signposts one address may look for in a minute: for people whose relays have all gone. */
export const MAX_SIGNPOST_LOOKUPS_PER_MINUTE = 60

/** Longest DHT value in bytes as stored: a peer record with its key and envelope. */
export const MAX_DHT_VALUE_BYTES = 4_096

/**
 * How long a public key is kept: https://github.com/libp2p/specs/blob/master/kad-dht/README.md.
 * A peer record says itself how long; a provider record is kept for `PROVIDER_LIFE_MS`.
 */
export const DHT_RECORD_LIFE_MS = 48 * 60 * 60_000

/** How often records past their life are deleted. */
export const DHT_SWEEP_MS = 10 * 60_000

/** DHT requests of one peer a minute: a lookup of a client asks each relay a few times. */
export const MAX_DHT_REQUESTS_PER_MINUTE = 600

/** Requests of the DHT on one connection at once: a lookup asks one peer once at a time. */
export const MAX_DHT_STREAMS = 32

/** Peer records the directory holds in memory: one for each of ten times as many people as are connected. */
export const MAX_DIRECTORY_RECORDS = 100_000

/** Streams of one kind of question on a connection at once: a client uses one, and one more while the old one goes. */
export const MAX_QUESTION_STREAMS = 8

/** How long a stream of questions may stay without one. */
export const QUESTION_IDLE_MS = 60_000

/** Contents one peer may be named for as having them: what one person shares and has got. */
export const MAX_PROVIDER_RECORDS_PER_PEER = 256

/** Peers named for one content: many times what anybody dials. */
export const MAX_PROVIDER_RECORDS_PER_KEY = 64

/** Provider records in memory: 1 KB each at most, 100 MB; 500 bytes as they usually are. */
export const MAX_PROVIDER_RECORDS = 100_000

/** How often provider records past their life are forgotten. */
export const PROVIDERS_SWEEP_MS = 10 * 60_000

/** Other relays that are asked who has a content, when the DHT names more. */
export const MAX_RELAYS_ASKED = 4

/** Rows of libp2p's peer store: a reconnecting crowd twice as large as there may be connections. */
export const MAX_PEER_ROWS = 20_000

/** Longest row: an identify message of 8 KiB, whose addresses are in it twice. With the above, 320 MB of disk. */
export const MAX_PEER_ROW_BYTES = 16 * 1_024

/** Entries kept in memory while the disk takes none; beyond it the oldest are forgotten. */
export const MAX_UNWRITTEN_ENTRIES = 20_000

/** Bytes of these entries, keys and values: what as many records of usual length have. */
export const MAX_UNWRITTEN_BYTES = 32 * 1_024 * 1_024

/** How often a disk that failed is tried again. */
export const DISK_RETRY_MS = 30_000

/** Relays on the LAN this one keeps a connection to, and as many that came by themselves. */
export const MAX_KNOWN_RELAYS = 64

/** How often a known relay is dialled or pinged. */
export const RELAY_CHECK_MS = 60_000

/** How long a relay may take to answer a dial or ping. */
export const RELAY_CHECK_TIMEOUT_MS = 10_000

/** How long ago a relay must have worked to be named to others: three checks. */
export const RELAY_FRESH_MS = 3 * RELAY_CHECK_MS

/** Bytes of all mailboxes: what 1,000 people receive in a month, and a small server has. Default of a flag, in MiB. */
export const MAX_MAILBOXES_MIB = 4_096

/** Bytes of one mailbox: 3,000 messages of the longest kind of text, or 16,000 short ones. */
export const MAX_MAILBOX_BYTES = 16 * 1_024 * 1_024

/** Bytes of one sender in one mailbox: four such senders fill it, and no one alone. */
export const MAX_MAILBOX_SENDER_BYTES = 4 * 1_024 * 1_024

/** Bytes of everyone without a pass in one mailbox: 500 requests to become a contact. */
export const MAX_MAILBOX_STRANGERS_BYTES = 1_024 * 1_024

/** Longest body of a request that puts an item: the item, a pass, and what is around them. */
export const MAX_PUT_BODY_BYTES = 25 * 1_024

/** Longest body of a request that publishes prekeys: a bundle and 50 one-time prekeys. */
export const MAX_PUBLISH_BODY_BYTES = 88 * 1_024

/** Longest body of other requests to mailboxes: 64 numbers, an address to wake at, a pass. */
export const MAX_MAILBOX_BODY_BYTES = 4 * 1_024

/** Requests to mailboxes of one address a minute: an office behind one NAT where everyone looks every 10 s. */
export const MAX_MAILBOX_REQUESTS_PER_MINUTE = 1_200

/** Bytes one address puts and publishes a day: 100 people send 400 messages each. In a month it fills half a relay. */
export const MAX_MAILBOX_BYTES_PER_DAY = 64 * 1_024 * 1_024

/** Requests to mailboxes at once: the longest bodies of all take 180 MB. */
export const MAX_MAILBOX_REQUESTS_AT_ONCE = 2_048

/** The same of one address. */
export const MAX_MAILBOX_REQUESTS_AT_ONCE_PER_ADDRESS = 64

/** Answers with items at once: 512 KiB each, this is 64 MB. */
export const MAX_FETCHES_AT_ONCE = 128

/** The same of one address. */
export const MAX_FETCHES_AT_ONCE_PER_ADDRESS = 8

/** How long an answer about mailboxes may take to be read: the longest at 140 kbit/s. */
export const ANSWER_TIMEOUT_MS = 30_000

/**
 * One-time prekeys an hour for one sender, and for all strangers together: who asks more often gets the bundle alone,
 * which is enough to write, and leaves the rest to others.
 */
export const MAX_ONE_TIME_PREKEYS_PER_HOUR = 8

/** Addresses, and senders, whose share of a day or an hour is remembered: 100 bytes each. */
export const MAX_REMEMBERED_SHARES = 100_000

/** How long prekeys and the wish to be woken are kept: as long as items, which is longer than anybody sleeps. */
export const MAILBOX_KEEP_MS = 30 * 24 * 60 * 60_000

/** From one wake-up to the next while the owner of a mailbox does not look: a phone that sleeps deeply takes longer. */
export const WAKE_PAUSE_MS = 60_000

/**
 * What comes so soon after the owner of a mailbox looked, in ms, wakes at the end of this, unless they look again: nobody
 * is woken by what they put there themselves.
 */
export const LOOKED_PAUSE_MS = 5_000

/** Mailboxes that are remembered as looked at or woken for: 300 bytes each. Others are not woken for. */
export const MAX_WOKEN_MAILBOXES = 100_000

/** Wake-ups a minute, to everyone: whoever gives somebody else's address for their own floods nobody. */
export const MAX_PUSHES_PER_MINUTE = 1_200

/** Wake-ups under way: each has a socket. */
export const MAX_PUSHES_AT_ONCE = 64

/** How long a push service may take to answer. */
export const PUSH_TIMEOUT_MS = 10_000

/** How long a push service keeps a wake-up for a device that is off: the most that FCM takes, 28 days. */
export const PUSH_TTL_SECONDS = 28 * 24 * 60 * 60

/** How often what has expired is removed, and a store that failed is tried again. */
export const MAILBOX_SWEEP_MS = 60_000

/** Things removed in one go: others come between. */
export const MAILBOX_SWEEP_ITEMS = 256

/** MiB of copies of what people share; none unless the operator gives room. Default of a flag. */
export const MAX_COPIES_MIB = 0

/** Copies in all: each has a row of 1 KB, and what it is made of is looked at when the relay starts. */
export const MAX_COPIES = 10_000

/** Peers who give or are given copies at once: 1 MiB of window each, this is 128 MB. */
export const MAX_COPY_CHANNELS = 128

/** How long a copy is waited for while nothing of it comes: whoever shares it may be away for a moment. */
export const COPY_PATIENCE_MS = 60 * 60_000

/** How often copies that nobody wants any more are removed. */
export const COPIES_SWEEP_MS = 10 * 60_000

/** How long a name and password for TURN hold: a connection needs them when it is made, and a page asks again at half. */
export const TURN_CREDENTIAL_LIFE_MS = 2 * 60 * 60_000

/** How long a peer has one handle at the TURN server: its share is counted by it, and nobody follows it for longer. */
export const TURN_HANDLE_LIFE_MS = 60 * 60_000

/** Allocations of one peer at once: 16 connections that each try UDP, TCP and TLS, on an IPv4 and IPv6 network. */
export const TURN_ALLOCATIONS_PER_HANDLE = 96

/** Allocations in all: a socket each. */
export const TURN_ALLOCATIONS = 4_096

/** Bytes a second of one allocation: a good film. */
export const TURN_BYTES_PER_SECOND_PER_ALLOCATION = 2 * 1_024 * 1_024

/** A program that ends this soon did not start, and says why; later it would tell who used it. */
export const PROGRAM_START_MS = 2_000

/** How soon a program that ended is started again; twice as long each time. */
export const PROGRAM_RESTART_MS = 1_000

/** The longest wait until then. */
export const PROGRAM_MAX_RESTART_MS = 60_000

/** One that ran for so long was well: the next wait is short again. */
export const PROGRAM_STEADY_MS = 60_000

/** How long one may take to end: below `STOP_TIMEOUT_MS`, so that none outlives its relay. */
export const PROGRAM_KILL_MS = 2_000

/** How soon to ask again while the TURN server is down. */
export const TURN_DOWN_LIFE_MS = 60_000

/** WebTransport connections in all: each may queue `WEBTRANSPORT_SESSION_WINDOW_BYTES`. The relay's own places come on top. */
export const MAX_WEBTRANSPORT_CONNECTIONS = 1_000

/** The same from one IPv4 address or IPv6 /64: as for other connections. */
export const MAX_WEBTRANSPORT_CONNECTIONS_PER_ADDRESS = MAX_CONNECTIONS_PER_ADDRESS

/** QUIC handshakes a second, of addresses that were shown to be real: 1 ms of one core each, a tenth of it. */
export const MAX_QUIC_HANDSHAKES_PER_SECOND = 100

/** From a QUIC handshake to a session: browsers ask for one at once. */
export const QUIC_SESSION_TIMEOUT_MS = 5_000

/** A connection on which nothing is heard for so long is over. */
export const QUIC_IDLE_MS = 30_000

/** How often a connection is asked for a sign of life, so that NATs keep it: twice in the above. */
export const QUIC_KEEPALIVE_MS = 12_000

/** How long a client may take to come back with the token that shows that its address is its own: five long round trips. */
export const RETRY_TOKEN_LIFE_MS = 10_000

/** Bytes of one stream that wait in either direction, with the reader of the other process or with QUIC. */
export const WEBTRANSPORT_STREAM_WINDOW_BYTES = 64 * 1_024

/** The same of all streams of a session, each way: what a WebSocket may have waiting behind a full socket. */
export const WEBTRANSPORT_SESSION_WINDOW_BYTES = MAX_WRITE_BUFFER_BYTES

/**
 * Streams that a peer may open before it is known who it is: as many as fill the session's window with theirs.
 * The dialer is through its handshake half a round trip before the relay, and may use the connection at once.
 */
export const MAX_WEBTRANSPORT_EARLY_STREAMS =
  WEBTRANSPORT_SESSION_WINDOW_BYTES / WEBTRANSPORT_STREAM_WINDOW_BYTES

/** Longest block of HTTP headers: browsers send 300 bytes. */
export const MAX_HEADER_BLOCK_BYTES = 4 * 1_024

/** Longest SETTINGS and longest capsule that is read; other ones are skipped. */
export const MAX_HTTP3_ITEM_BYTES = 2 * 1_024

/** JavaScript memory of the process that speaks QUIC, in MiB. */
export const QUIC_HEAP_MIB = 128

/** Memory it may write, in MiB; the system refuses more (`ulimit -d`): twice what a full house takes. */
export const QUIC_MEMORY_MIB = 768

/** It is restarted when it takes more than this share of a core ... */
export const QUIC_CPU_SHARE = 0.95

/** ... for so long: a file sent at full speed does not take as much. */
export const QUIC_CPU_PATIENCE_MS = 30_000

/** How often it says that it is well. */
export const QUIC_PULSE_MS = 1_000

/** It is restarted when it has not said so for this long: nothing it does takes a second. */
export const QUIC_SILENCE_MS = 10_000

/** How long a WebTransport certificate is shown: as long as it was announced before. Twice this is below its life. */
export const WEBTRANSPORT_CERTIFICATE_SHOWN_MS = 6 * 24 * 60 * 60_000

/** Life of such a certificate: browsers take at most 14 days for one that they know by its hash. */
export const WEBTRANSPORT_CERTIFICATE_LIFE_MS = 13 * 24 * 60 * 60_000

/** People who show themselves to others on their networks, in all. */
export const MAX_NEARBY_SHOWN = 4_096

/** How long routers are looked for: they answer within a second or two, and the start waits for it. */
export const ROUTER_SEARCH_MS = 4_000

/** What UPnP gives routers to wait at random before they answer, in seconds. */
export const SSDP_WAIT_S = 2

/** Devices of the network that are asked whether they map ports: a home has one or two that say so. */
export const MAX_SSDP_ANSWERS = 8

/** Networks of this machine on which routers are looked for: a home server with containers has a few. */
export const MAX_LAN_ADDRESSES = 16

/** Longest description or answer of a router: common ones are 2 to 20 KiB. */
export const MAX_ROUTER_ANSWER_BYTES = 64 * 1_024

/** How long a router may take to answer one question by UPnP: slow ones take a second. */
export const ROUTER_ANSWER_MS = 3_000

/** First wait for an answer by NAT-PMP, doubled each time: https://www.rfc-editor.org/rfc/rfc6886#section-3.1 */
export const NAT_PMP_FIRST_WAIT_MS = 250

/** How often it is asked: within the time of the search. */
export const NAT_PMP_TRIES = 4

/** For how long a router is asked to keep a mapping, in seconds: gone soon after a relay that was killed. */
export const PORT_LEASE_S = 3_600

/** Mappings are renewed at half of their lease, but never more often than this, whatever a router says ... */
export const MIN_PORT_RENEWAL_MS = 60_000

/** ... nor later than this: a router that was started anew has forgotten them. A missing router is looked for as often. */
export const MAX_PORT_RENEWAL_MS = 10 * 60_000

/** Ports tried outside for one, when somebody else has it. */
export const EXTERNAL_PORT_TRIES = 3

/** Ports that TURN may have mapped for what it relays: a home router has room for a hundred or so in all. */
export const MAX_MAPPED_TURN_RELAY_PORTS = 32

/** How long the first mapping of all ports, and taking them back, may take: the start and the stop wait for it. */
export const PORT_MAPPING_START_MS = 15_000
export const PORT_MAPPING_STOP_MS = 1_500

/** From SIGTERM to the end of the process: below the 10 s of a container, as promised. */
export const STOP_TIMEOUT_MS = 4_500

/** Limits that take gigabytes, hours or hundreds of sockets to reach: a test builds a relay with smaller ones. */
export interface CostlyLimits {
  pendingConnections: number
  handshakeTimeoutMs: number
  slowReaderTimeoutMs: number
  circuitTimeoutMs: number
  circuitBytes: bigint
  circuitDurationMs: number
  /** Zero bits of the work that strangers show. */
  workBits: number
}

/** The numbers of a relay that serves people. */
export const COSTLY_LIMITS: CostlyLimits = {
  pendingConnections: MAX_PENDING_CONNECTIONS,
  handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
  slowReaderTimeoutMs: SLOW_READER_TIMEOUT_MS,
  circuitTimeoutMs: CIRCUIT_TIMEOUT_MS,
  circuitBytes: CIRCUIT_BYTES,
  circuitDurationMs: CIRCUIT_DURATION_MS,
  workBits: WORK_BITS,
}
