//! The checks are checked: each wrong program of `museum/` is caught by the check that is
//! there for its mistake, which tells its author why; the right one passes them all.

#![expect(clippy::panic, reason = "a museum that cannot be built fails")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use support::executables::root;

/// A wrong program.
struct Exhibit {
    /// The mistake's name in the museum.
    name: &'static str,
    program: &'static str,
    /// The mistake in a sentence.
    mistake: &'static str,
    /// The check that must catch it.
    check: &'static str,
    /// What its author must be told.
    told: &'static str,
}

const EXHIBITS: &[Exhibit] = &[
    // udp_server
    Exhibit {
        name: "small-buffer",
        program: "udp_server",
        mistake: "the receive buffer holds 2,048 bytes",
        check: "the_largest_datagram_comes_back_whole",
        told: "exactly 2,048 bytes: the size of a buffer",
    },
    Exhibit {
        name: "unicode-uppercase",
        program: "udp_server",
        mistake: "the datagram is decoded, changed as text, and encoded",
        check: "letters_outside_ascii_stay_as_they_are",
        told: "letters outside a-z were changed too",
    },
    Exhibit {
        name: "trims-the-answer",
        program: "udp_server",
        mistake: "white space at the end is taken for a line end",
        check: "white_space_and_line_ends_are_data",
        told: "white space at the end was cut off",
    },
    Exhibit {
        name: "empty-is-the-end",
        program: "udp_server",
        mistake: "a length of 0 ends the loop, as over TCP",
        check: "an_empty_datagram_gets_an_empty_one",
        told: "a length of 0 was taken for the end",
    },
    Exhibit {
        name: "first-client-only",
        program: "udp_server",
        mistake: "all replies go to the first client",
        check: "two_clients_at_once_get_their_own_replies",
        told: "answer each datagram to the address that recvfrom reports",
    },
    Exhibit {
        name: "replies-from-another-socket",
        program: "udp_server",
        mistake: "each reply is sent through a new socket",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "sent through another socket",
    },
    Exhibit {
        name: "replies-twice",
        program: "udp_server",
        mistake: "each reply is sent twice",
        check: "each_datagram_gets_one_reply_of_its_own",
        told: "more than one reply was sent",
    },
    Exhibit {
        name: "shares-its-port",
        program: "udp_server",
        mistake: "SO_REUSEADDR lets a second server take the port",
        check: "a_taken_port_is_an_error_of_the_server",
        told: "two servers now share one port",
    },
    Exhibit {
        name: "all-addresses",
        program: "udp_server",
        mistake: "the socket is bound to all addresses",
        check: "only_this_machine_can_reach_the_server_unless_told",
        told: "bind it to 127.0.0.1",
    },
    Exhibit {
        name: "says-port-0",
        program: "udp_server",
        mistake: "the ready line names the port asked for",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "ask the socket which one it got",
    },
    Exhibit {
        name: "does-not-flush",
        program: "udp_server",
        mistake: "the ready line stays in a buffer when stdout is a pipe",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "or is not flushed",
    },
    Exhibit {
        name: "says-localhost",
        program: "udp_server",
        mistake: "the ready line has a name for an address",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "comes ADDR:PORT, with the socket's address",
    },
    Exhibit {
        name: "ignores-signals",
        program: "udp_server",
        mistake: "SIGTERM is caught and nothing follows from it",
        check: "sigterm_ends_the_server_with_status_0",
        told: "SIGTERM is ignored",
    },
    Exhibit {
        name: "no-hint",
        program: "udp_server",
        mistake: "an error without a way out",
        check: "a_taken_port_is_an_error_of_the_server",
        told: "hint: ",
    },
    Exhibit {
        name: "panics-on-closed-stdout",
        program: "udp_server",
        mistake: "a failed write to stdout is a panic",
        check: "a_closed_stdout_ends_the_server_quietly",
        told: "udp_server crashed: panicked at",
    },
    // udp_client
    Exhibit {
        name: "waits-for-ever",
        program: "udp_client",
        mistake: "there is no timeout",
        check: "the_timeout_is_as_long_as_told",
        told: "there is no timeout",
    },
    Exhibit {
        name: "believes-strangers",
        program: "udp_client",
        mistake: "the sender of a datagram is not looked at",
        check: "datagrams_from_strangers_are_ignored",
        told: "compare the sender that recvfrom reports",
    },
    Exhibit {
        name: "strangers-restart-the-clock",
        program: "udp_client",
        mistake: "every datagram starts the timeout anew",
        check: "strangers_do_not_make_the_client_wait_longer",
        told: "wait only for what is left",
    },
    Exhibit {
        name: "small-buffer",
        program: "udp_client",
        mistake: "the receive buffer holds 1,024 bytes",
        check: "the_largest_reply_is_printed_whole",
        told: "the receive buffer is too small",
    },
    Exhibit {
        name: "always-connects",
        program: "udp_client",
        mistake: "the socket is connected also without --connect",
        check: "a_client_before_its_server_hears_nothing_until_the_timeout",
        told: "Is the socket connected?",
    },
    Exhibit {
        name: "never-connects",
        program: "udp_client",
        mistake: "--connect does nothing",
        check: "a_connected_client_is_told_that_nobody_is_there",
        told: "only a connected socket hears",
    },
    Exhibit {
        name: "retries-are-tries",
        program: "udp_client",
        mistake: "--retries 2 tries twice in all",
        check: "each_retry_sends_the_message_again",
        told: "each retry sends the datagram again",
    },
    Exhibit {
        name: "retries-only-wait",
        program: "udp_client",
        mistake: "a retry waits again and sends nothing",
        check: "each_retry_sends_the_message_again",
        told: "each retry sends the datagram again",
    },
    Exhibit {
        name: "no-reply-is-success",
        program: "udp_client",
        mistake: "the error is printed on stdout, with status 0",
        check: "the_timeout_is_as_long_as_told",
        told: "nothing stands on stderr",
    },
    Exhibit {
        name: "sends-what-cannot-fit",
        program: "udp_client",
        mistake: "a message that is too long is cut",
        check: "a_message_that_cannot_fit_is_refused_before_anything_is_sent",
        told: "a datagram is all or nothing",
    },
    Exhibit {
        name: "status-1-for-arguments",
        program: "udp_client",
        mistake: "a message that cannot be sent ends with status 1",
        check: "a_message_that_cannot_fit_is_refused_before_anything_is_sent",
        told: "status 2",
    },
    Exhibit {
        name: "decodes-the-reply",
        program: "udp_client",
        mistake: "the reply is decoded as UTF-8 before it is printed",
        check: "a_reply_goes_into_a_pipe_byte_by_byte",
        told: "bytes, not text",
    },
    Exhibit {
        name: "raw-on-terminal",
        program: "udp_client",
        mistake: "escape sequences of the server reach the terminal",
        check: "a_reply_cannot_drive_the_terminal",
        told: "a terminal obeys escape sequences",
    },
    Exhibit {
        name: "sends-the-newline",
        program: "udp_client",
        mistake: "the line end is sent with the line",
        check: "the_message_can_come_from_stdin",
        told: "the line end, or the next line, was sent too",
    },
    Exhibit {
        name: "end-is-empty-line",
        program: "udp_client",
        mistake: "the end of the input is taken for an empty line",
        check: "no_line_on_stdin_is_an_error",
        told: "the end of the input is not an empty line",
    },
    Exhibit {
        name: "prompts-on-stdout",
        program: "udp_client",
        mistake: "the prompt goes to stdout",
        check: "a_person_is_asked_on_stderr",
        told: "write it to stderr and flush",
    },
    Exhibit {
        name: "ipv6-first",
        program: "udp_client",
        mistake: "localhost is ::1",
        check: "a_name_means_its_ipv4_address_first",
        told: "take the IPv4 address first",
    },
    // tcp_server
    Exhibit {
        name: "waits-for-a-newline",
        program: "tcp_server",
        mistake: "the server reads whole lines",
        check: "bytes_without_a_newline_are_answered",
        told: "only after we had sent a newline",
    },
    Exhibit {
        name: "waits-for-the-end",
        program: "tcp_server",
        mistake: "the server reads to the end before it answers",
        check: "bytes_without_a_newline_are_answered",
        told: "only after we had closed our side",
    },
    Exhibit {
        name: "one-read",
        program: "tcp_server",
        mistake: "one read for each connection",
        check: "a_connection_goes_on_until_the_client_ends_it",
        told: "the server reads once for each connection",
    },
    Exhibit {
        name: "one-write",
        program: "tcp_server",
        mistake: "what a write did not take is forgotten",
        check: "a_client_that_reads_late_loses_nothing",
        told: "a write takes only a part of the bytes",
    },
    Exhibit {
        name: "unicode-uppercase",
        program: "tcp_server",
        mistake: "the bytes are decoded, changed as text, and encoded",
        check: "only_the_letters_a_to_z_change",
        told: "were replaced by U+FFFD",
    },
    Exhibit {
        name: "one-client-only",
        program: "tcp_server",
        mistake: "the server ends after its first client",
        check: "one_client_after_another_is_served",
        told: "accept again, in a loop",
    },
    Exhibit {
        name: "an-error-ends-the-server",
        program: "tcp_server",
        mistake: "the error of one connection ends the server",
        check: "a_reset_ends_that_connection_only",
        told: "handle it, then accept the next",
    },
    Exhibit {
        name: "no-timeout",
        program: "tcp_server",
        mistake: "a silent client is waited for for ever",
        check: "a_silent_client_is_ended_after_the_timeout",
        told: "set a timeout on the connection",
    },
    Exhibit {
        name: "timeout-for-all",
        program: "tcp_server",
        mistake: "the timeout counts from the start of the connection",
        check: "a_slow_client_is_not_ended",
        told: "counts from the start of the connection",
    },
    Exhibit {
        name: "no-signal-handler",
        program: "tcp_server",
        mistake: "SIGTERM kills the server",
        check: "sigterm_ends_the_server_with_status_0",
        told: "SIGTERM is not handled",
    },
    Exhibit {
        name: "all-addresses",
        program: "tcp_server",
        mistake: "the socket is bound to all addresses",
        check: "only_this_machine_can_reach_the_server_unless_told",
        told: "bind it to 127.0.0.1",
    },
    // tcp_client
    Exhibit {
        name: "one-read",
        program: "tcp_client",
        mistake: "one read is taken for the whole reply",
        check: "a_reply_in_pieces_is_read_to_its_end",
        told: "the client reads once",
    },
    Exhibit {
        name: "waits-for-the-end",
        program: "tcp_client",
        mistake: "the client reads until the server closes",
        check: "the_client_sends_its_message_and_prints_the_reply",
        told: "waits for the server to close",
    },
    Exhibit {
        name: "does-not-count",
        program: "tcp_client",
        mistake: "all that comes is printed",
        check: "the_reply_ends_with_as_many_bytes_as_were_sent",
        told: "count the bytes",
    },
    Exhibit {
        name: "sends-before-it-reads",
        program: "tcp_client",
        mistake: "everything is sent before anything is read",
        check: "a_message_larger_than_all_buffers_comes_back",
        told: "read while it sends",
    },
    Exhibit {
        name: "one-write",
        program: "tcp_client",
        mistake: "what a write did not take is forgotten",
        check: "a_message_larger_than_all_buffers_comes_back",
        told: "stopped sending",
    },
    Exhibit {
        name: "an-early-end-is-success",
        program: "tcp_client",
        mistake: "the end of the connection is taken for the end of the reply",
        check: "a_server_that_closes_early_is_an_error",
        told: "not always the end of the reply",
    },
    Exhibit {
        name: "drops-a-part",
        program: "tcp_client",
        mistake: "what came before an error is not printed",
        check: "a_server_that_closes_early_is_an_error",
        told: "still the server's reply: print it",
    },
    Exhibit {
        name: "panics-on-refusal",
        program: "tcp_client",
        mistake: "a refused connection is a panic",
        check: "a_client_before_its_server_is_refused",
        told: "tcp_client crashed: panicked at",
    },
    Exhibit {
        name: "connects-for-ever",
        program: "tcp_client",
        mistake: "the timeout does not apply to connecting",
        check: "a_server_too_busy_to_connect_is_given_up_after_the_timeout",
        told: "connect waits as long as the kernel likes",
    },
    Exhibit {
        name: "waits-for-ever",
        program: "tcp_client",
        mistake: "reading has no timeout",
        check: "a_silent_server_is_given_up_after_the_timeout",
        told: "a read waits for ever",
    },
    Exhibit {
        name: "timeout-for-all",
        program: "tcp_client",
        mistake: "the timeout counts from the start",
        check: "a_slow_server_is_not_given_up",
        told: "for the time without progress",
    },
    Exhibit {
        name: "trims-the-message",
        program: "tcp_client",
        mistake: "spaces around the message are cut off",
        check: "the_message_can_come_from_stdin",
        told: "white space was cut off",
    },
    Exhibit {
        name: "always-prompts",
        program: "tcp_client",
        mistake: "the prompt appears although nobody is there to read it",
        check: "there_is_no_prompt_without_a_terminal",
        told: "ask isatty",
    },
    // web_server
    Exhibit {
        name: "one-read",
        program: "web_server",
        mistake: "one read is taken for the whole request",
        check: "a_request_may_come_in_any_pieces",
        told: "one read was taken for the whole request",
    },
    Exhibit {
        name: "crlf-only",
        program: "web_server",
        mistake: "a bare LF ends no line",
        check: "a_bare_line_feed_ends_a_line_too",
        told: "a bare LF ends a line too",
    },
    Exhibit {
        name: "no-limit",
        program: "web_server",
        mistake: "a head may grow without end",
        check: "a_head_may_be_long_but_not_too_long",
        told: "a client may send for ever",
    },
    Exhibit {
        name: "no-timeout",
        program: "web_server",
        mistake: "a head that does not end is waited for for ever",
        check: "a_head_without_end_is_given_up_with_an_explanation",
        told: "the server waits for ever",
    },
    Exhibit {
        name: "timeout-for-each-byte",
        program: "web_server",
        mistake: "the timeout starts anew with each byte",
        check: "a_client_that_drips_is_given_up_too",
        told: "each byte starts the time anew",
    },
    Exhibit {
        name: "late-is-closed",
        program: "web_server",
        mistake: "after the timeout the connection is closed without an answer",
        check: "a_head_without_end_is_given_up_with_an_explanation",
        told: "tell the client why, with 408",
    },
    Exhibit {
        name: "broken-off-is-late",
        program: "web_server",
        mistake: "the end of the stream is taken for a timeout",
        check: "a_head_that_is_broken_off_is_a_bad_request",
        told: "no more bytes will come",
    },
    Exhibit {
        name: "panics-on-a-short-line",
        program: "web_server",
        mistake: "the request line is taken to have three words",
        check: "what_is_no_request_is_told_why",
        told: "web_server crashed: panicked at",
    },
    Exhibit {
        name: "any-version",
        program: "web_server",
        mistake: "the version is not looked at",
        check: "what_is_no_request_is_told_why",
        told: "look at all of the request line",
    },
    Exhibit {
        name: "any-method",
        program: "web_server",
        mistake: "every method is served like GET",
        check: "what_is_no_request_is_told_why",
        told: "GET or HEAD, a target",
    },
    Exhibit {
        name: "no-505",
        program: "web_server",
        mistake: "every version but 1.x is a bad request",
        check: "another_version_of_http_is_refused",
        told: "ours are all that begin with 1",
    },
    Exhibit {
        name: "asks-for-host",
        program: "web_server",
        mistake: "a request without Host is refused",
        check: "a_request_without_host_is_served_here",
        told: "does not ask for a Host field",
    },
    Exhibit {
        name: "lf-only",
        program: "web_server",
        mistake: "the lines of the answer end with LF",
        check: "the_server_says_where_it_serves_and_serves_a_file",
        told: "not with LF alone",
    },
    Exhibit {
        name: "no-length",
        program: "web_server",
        mistake: "the answer has no Content-Length",
        check: "the_server_says_where_it_serves_and_serves_a_file",
        told: "has one line `Content-Length: …`",
    },
    Exhibit {
        name: "stays-open",
        program: "web_server",
        mistake: "the connection stays open though the answer says close",
        check: "the_server_says_where_it_serves_and_serves_a_file",
        told: "close the connection behind the answer",
    },
    Exhibit {
        name: "counts-characters",
        program: "web_server",
        mistake: "Content-Length is the length of the text",
        check: "a_file_comes_with_its_exact_bytes",
        told: "counts the bytes of the body",
    },
    Exhibit {
        name: "decodes-the-file",
        program: "web_server",
        mistake: "the file is decoded as UTF-8 and encoded again",
        check: "a_file_comes_with_its_exact_bytes",
        told: "without decoding it",
    },
    Exhibit {
        name: "text-mode",
        program: "web_server",
        mistake: "the file is read in text mode, which changes line ends",
        check: "a_file_comes_with_its_exact_bytes",
        told: "or changing its line ends",
    },
    Exhibit {
        name: "one-buffer",
        program: "web_server",
        mistake: "one buffer of the file is sent",
        check: "a_file_comes_with_its_exact_bytes",
        told: "is only one buffer read",
    },
    Exhibit {
        name: "one-write",
        program: "web_server",
        mistake: "what a write did not take is forgotten",
        check: "a_file_of_100_mebibytes_comes_whole",
        told: "does one write not take all",
    },
    Exhibit {
        name: "timeout-for-all",
        program: "web_server",
        mistake: "the timeout ends an answer too",
        check: "a_client_that_reads_slowly_gets_all",
        told: "--timeout is for the request's head",
    },
    Exhibit {
        name: "reads-once-for-all",
        program: "web_server",
        mistake: "a file is read once, and then served from memory",
        check: "a_file_that_changes_is_served_as_it_is",
        told: "open it for each one",
    },
    Exhibit {
        name: "lowercase-types-only",
        program: "web_server",
        mistake: "the type of A.JPG is not known",
        check: "the_head_tells_what_the_body_is",
        told: "in any case",
    },
    Exhibit {
        name: "local-date",
        program: "web_server",
        mistake: "Date is the local time in a form of its own",
        check: "the_head_tells_what_the_body_is",
        told: "reads like: Sun, 06 Nov 1994",
    },
    Exhibit {
        name: "head-with-body",
        program: "web_server",
        mistake: "the answer to HEAD has a body",
        check: "head_gets_the_same_without_the_body",
        told: "ends with its empty line",
    },
    Exhibit {
        name: "length-0-for-head",
        program: "web_server",
        mistake: "the answer to HEAD says Content-Length: 0",
        check: "head_gets_the_same_without_the_body",
        told: "what GET would have sent",
    },
    Exhibit {
        name: "always-200",
        program: "web_server",
        mistake: "the page for what is missing comes with 200",
        check: "what_is_not_there_gets_the_page_for_it",
        told: "the status line says 404 too",
    },
    Exhibit {
        name: "no-page",
        program: "web_server",
        mistake: "filenotfound.html is not sent",
        check: "what_is_not_there_gets_the_page_for_it",
        told: "filenotfound.html is sent as it is",
    },
    Exhibit {
        name: "panics-without-page",
        program: "web_server",
        mistake: "filenotfound.html is taken to be there",
        check: "without_that_page_a_few_words_do",
        told: "web_server crashed: panicked at",
    },
    Exhibit {
        name: "keeps-the-query",
        program: "web_server",
        mistake: "the query is taken for a part of the name",
        check: "a_target_may_have_a_query_and_escapes",
        told: "cut it off at the ?",
    },
    Exhibit {
        name: "does-not-decode",
        program: "web_server",
        mistake: "%20 is not decoded",
        check: "a_target_may_have_a_query_and_escapes",
        told: "decode each %XX",
    },
    Exhibit {
        name: "no-full-urls",
        program: "web_server",
        mistake: "a full URL is no target",
        check: "a_target_may_have_a_query_and_escapes",
        told: "of a full URL take the path",
    },
    Exhibit {
        name: "joins-and-opens",
        program: "web_server",
        mistake: "the target is joined to the root, and that is opened",
        check: "there_is_no_way_out_of_the_root",
        told: "was joined to the root as it is",
    },
    Exhibit {
        name: "looks-for-dots-before-decoding",
        program: "web_server",
        mistake: ".. is looked for before %2e is decoded",
        check: "there_is_no_way_out_of_the_root",
        told: "decode it once, refuse ..",
    },
    Exhibit {
        name: "follows-links",
        program: "web_server",
        mistake: "a symbolic link leads out of the root",
        check: "there_is_no_way_out_of_the_root",
        told: "not even through a symbolic link",
    },
    Exhibit {
        name: "compares-text",
        program: "web_server",
        mistake: "paths are compared as text, so that www-private begins like www",
        check: "there_is_no_way_out_of_the_root",
        told: "whose name begins like the root's",
    },
    Exhibit {
        name: "opens-pipes",
        program: "web_server",
        mistake: "a named pipe is opened",
        check: "a_named_pipe_does_not_stop_the_server",
        told: "opening a named pipe waits",
    },
    Exhibit {
        name: "many-at-once",
        program: "web_server",
        mistake: "a thread for each connection",
        check: "requests_are_served_one_at_a_time_and_in_order",
        told: "serves one connection at a time",
    },
    Exhibit {
        name: "panics-on-a-client-that-left",
        program: "web_server",
        mistake: "a failed write is a panic",
        check: "clients_that_leave_or_reset_change_nothing",
        told: "web_server crashed: panicked at",
    },
    Exhibit {
        name: "an-error-ends-the-server",
        program: "web_server",
        mistake: "the error of one connection ends the server",
        check: "clients_that_leave_or_reset_change_nothing",
        told: "the error of one connection ended",
    },
    Exhibit {
        name: "counts-200-only",
        program: "web_server",
        mistake: "--requests counts only what was found",
        check: "so_many_requests_are_answered_and_no_more",
        told: "gets an error is answered too",
    },
    Exhibit {
        name: "raw-console",
        program: "web_server",
        mistake: "the head is printed as it came",
        check: "the_console_tells_who_asked_for_what",
        told: "escape them",
    },
    Exhibit {
        name: "listens-before-it-looks",
        program: "web_server",
        mistake: "the root is looked for behind the ready line",
        check: "a_root_that_is_not_there_is_an_error_before_listening",
        told: "look for the folder before",
    },
    Exhibit {
        name: "stops-at-once",
        program: "web_server",
        mistake: "SIGTERM cuts an answer off",
        check: "an_answer_under_way_is_finished",
        told: "is finished first",
    },
    // http_client
    Exhibit {
        name: "lf-only",
        program: "http_client",
        mistake: "the lines of the request end with LF",
        check: "a_file_is_asked_for_and_the_response_printed",
        told: "not with LF alone",
    },
    Exhibit {
        name: "no-empty-line",
        program: "http_client",
        mistake: "the empty line behind the request is missing",
        check: "a_file_is_asked_for_and_the_response_printed",
        told: "an empty line (CR LF) ends a head",
    },
    Exhibit {
        name: "head-with-crlf",
        program: "http_client",
        mistake: "the head is printed with CR LF",
        check: "a_file_is_asked_for_and_the_response_printed",
        told: "end in a plain newline",
    },
    Exhibit {
        name: "forgets-what-came-with-the-head",
        program: "http_client",
        mistake: "what one read brought behind the head is dropped",
        check: "a_file_is_asked_for_and_the_response_printed",
        told: "may bring the beginning of the body",
    },
    Exhibit {
        name: "no-host",
        program: "http_client",
        mistake: "the request has no Host",
        check: "the_request_has_the_fields_that_servers_expect",
        told: "the request has no Host",
    },
    Exhibit {
        name: "no-port-in-host",
        program: "http_client",
        mistake: "Host has no port",
        check: "the_request_has_the_fields_that_servers_expect",
        told: "with the port unless that is 80",
    },
    Exhibit {
        name: "no-close",
        program: "http_client",
        mistake: "Connection: close is missing",
        check: "the_request_has_the_fields_that_servers_expect",
        told: "the request has no Connection",
    },
    Exhibit {
        name: "no-brackets",
        program: "http_client",
        mistake: "an IPv6 address stands in Host without brackets",
        check: "a_name_and_an_ipv6_address_are_asked_too",
        told: "stands in brackets",
    },
    Exhibit {
        name: "last-header-only",
        program: "http_client",
        mistake: "each -H takes the place of the one before",
        check: "headers_can_be_added",
        told: "every -H and --header adds one",
    },
    Exhibit {
        name: "sends-the-fragment",
        program: "http_client",
        mistake: "what follows # is sent",
        check: "a_url_names_host_port_and_file",
        told: "is for the client alone",
    },
    Exhibit {
        name: "adds-no-slash",
        program: "http_client",
        mistake: "the target is FILE as it is",
        check: "a_missing_slash_is_added",
        told: "a request target begins with /",
    },
    Exhibit {
        name: "does-not-encode",
        program: "http_client",
        mistake: "nothing is percent-encoded",
        check: "what_no_uri_may_hold_is_percent_encoded",
        told: "spaces and the like become %XX",
    },
    Exhibit {
        name: "plus-for-space",
        program: "http_client",
        mistake: "a space becomes +, as in forms",
        check: "what_no_uri_may_hold_is_percent_encoded",
        told: "came `GET /two+words.txt HTTP/1.1`",
    },
    Exhibit {
        name: "encodes-twice",
        program: "http_client",
        mistake: "the % of an escape is escaped",
        check: "what_no_uri_may_hold_is_percent_encoded",
        told: "an escape is not escaped again",
    },
    Exhibit {
        name: "encodes-the-query",
        program: "http_client",
        mistake: "? and & are escaped like all the rest",
        check: "what_no_uri_may_hold_is_percent_encoded",
        told: "what means something in a URI",
    },
    Exhibit {
        name: "sends-line-ends",
        program: "http_client",
        mistake: "a line end in FILE is sent",
        check: "a_line_end_in_the_file_or_a_header_is_refused",
        told: "write headers or a second request",
    },
    Exhibit {
        name: "sends-line-ends-in-headers",
        program: "http_client",
        mistake: "a line end in a header is sent",
        check: "a_line_end_in_the_file_or_a_header_is_refused",
        told: "write headers or a second request",
    },
    Exhibit {
        name: "https-in-plain",
        program: "http_client",
        mistake: "https is asked for without encryption",
        check: "https_is_refused_with_the_reason",
        told: "https is HTTP over TLS",
    },
    Exhibit {
        name: "verbose-on-stdout",
        program: "http_client",
        mistake: "-v prints the request on stdout",
        check: "verbose_shows_what_was_sent",
        told: "is no product of the client",
    },
    Exhibit {
        name: "prompts-on-stdout",
        program: "http_client",
        mistake: "the prompts go to stdout",
        check: "a_person_is_asked_for_host_port_and_file",
        told: "is on stdout",
    },
    Exhibit {
        name: "always-prompts",
        program: "http_client",
        mistake: "the prompts appear although nobody is there to read them",
        check: "the_answers_can_come_from_a_pipe",
        told: "only where stdin is a terminal",
    },
    Exhibit {
        name: "waits-for-the-end",
        program: "http_client",
        mistake: "the client reads to the end of the connection",
        check: "a_body_is_as_long_as_its_content_length",
        told: "which need not come: count the bytes",
    },
    Exhibit {
        name: "exact-field-names",
        program: "http_client",
        mistake: "content-length is not Content-Length",
        check: "a_body_is_as_long_as_its_content_length",
        told: "in capitals or not",
    },
    Exhibit {
        name: "prints-chunk-sizes",
        program: "http_client",
        mistake: "the lengths of chunks are printed",
        check: "a_chunked_body_is_decoded",
        told: "and no part of the body",
    },
    Exhibit {
        name: "decimal-chunk-sizes",
        program: "http_client",
        mistake: "the lengths of chunks are read as decimal",
        check: "a_chunked_body_is_decoded",
        told: "lengths are hexadecimal",
    },
    Exhibit {
        name: "stops-at-0",
        program: "http_client",
        mistake: "a length that begins with 0 is taken for the last",
        check: "a_chunked_body_is_decoded",
        told: "c and 0000c are 12",
    },
    Exhibit {
        name: "no-chunk-extensions",
        program: "http_client",
        mistake: "a chunk's length is taken to be all of its line",
        check: "a_chunked_body_is_decoded",
        told: "what follows a semicolon",
    },
    Exhibit {
        name: "no-trailer",
        program: "http_client",
        mistake: "fields behind the last chunk are an error",
        check: "a_chunked_body_is_decoded",
        told: "between the last chunk and the empty line",
    },
    Exhibit {
        name: "length-before-chunks",
        program: "http_client",
        mistake: "Content-Length counts more than chunks",
        check: "a_chunked_body_is_decoded",
        told: "overrides Content-Length",
    },
    Exhibit {
        name: "one-read-for-the-body",
        program: "http_client",
        mistake: "one read is taken for the whole body",
        check: "a_response_may_come_in_any_pieces",
        told: "one read returns what is there",
    },
    Exhibit {
        name: "1xx-is-the-answer",
        program: "http_client",
        mistake: "100 Continue is taken for the answer",
        check: "interim_responses_are_passed_over",
        told: "read the next head",
    },
    Exhibit {
        name: "body-for-head",
        program: "http_client",
        mistake: "a body is waited for behind the answer to HEAD",
        check: "head_asks_for_the_head_alone",
        told: "an answer to HEAD nothing comes",
    },
    Exhibit {
        name: "body-for-304",
        program: "http_client",
        mistake: "a body is waited for behind 304",
        check: "some_responses_have_no_body",
        told: "which is not sent",
    },
    Exhibit {
        name: "guesses-a-length",
        program: "http_client",
        mistake: "a length that is none is passed over",
        check: "a_body_that_no_rule_ends_is_an_error",
        told: "must not be guessed",
    },
    Exhibit {
        name: "cut-short-is-fine",
        program: "http_client",
        mistake: "the end of the connection is taken for the end of the body",
        check: "a_body_cut_short_is_kept_and_told",
        told: "is not the end of this body",
    },
    Exhibit {
        name: "drops-a-part",
        program: "http_client",
        mistake: "of a body cut short nothing is printed",
        check: "a_body_cut_short_is_kept_and_told",
        told: "what came is not thrown away",
    },
    Exhibit {
        name: "a-reset-is-the-end",
        program: "http_client",
        mistake: "a failed read is taken for the end",
        check: "a_reset_is_an_error",
        told: "a failed read is not the end",
    },
    Exhibit {
        name: "no-head-is-fine",
        program: "http_client",
        mistake: "the end of the connection is taken for the end of the head",
        check: "a_head_that_breaks_off_is_an_error",
        told: "without it there is no response",
    },
    Exhibit {
        name: "waits-for-ever",
        program: "http_client",
        mistake: "reading has no timeout",
        check: "silence_ends_with_the_timeout",
        told: "set a timeout for reading",
    },
    Exhibit {
        name: "timeout-for-all",
        program: "http_client",
        mistake: "the timeout is for the whole response",
        check: "each_byte_starts_the_time_anew",
        told: "is not for the whole response",
    },
    Exhibit {
        name: "connects-for-ever",
        program: "http_client",
        mistake: "the timeout does not apply to connecting",
        check: "a_server_too_busy_to_connect_is_given_up_after_the_timeout",
        told: "connect itself may wait",
    },
    Exhibit {
        name: "panics-on-refusal",
        program: "http_client",
        mistake: "a refused connection is a panic",
        check: "a_client_before_its_server_is_refused",
        told: "http_client crashed: panicked at",
    },
    Exhibit {
        name: "garbage-is-fine",
        program: "http_client",
        mistake: "what is not HTTP is printed, with status 0",
        check: "a_reply_that_is_not_http_is_told",
        told: "a response begins with HTTP/",
    },
    Exhibit {
        name: "decodes-the-body",
        program: "http_client",
        mistake: "the body is decoded as UTF-8 before it is printed",
        check: "every_byte_of_a_body_is_kept",
        told: "the body is bytes, not text",
    },
    Exhibit {
        name: "head-in-the-file",
        program: "http_client",
        mistake: "-o writes the head to the file too",
        check: "output_goes_to_a_file_and_the_head_to_stdout",
        told: "head lines do not belong into it",
    },
    Exhibit {
        name: "appends",
        program: "http_client",
        mistake: "-o appends to the file",
        check: "output_goes_to_a_file_and_the_head_to_stdout",
        told: "the file is written anew",
    },
    Exhibit {
        name: "panics-on-files",
        program: "http_client",
        mistake: "a file that cannot be written is a panic",
        check: "a_file_that_cannot_be_written_is_an_error",
        told: "http_client crashed: panicked at",
    },
    Exhibit {
        name: "adds-a-newline",
        program: "http_client",
        mistake: "--body ends with a newline that nobody sent",
        check: "body_prints_the_body_alone",
        told: "no newline that the server did not send",
    },
    Exhibit {
        name: "ignores-fail",
        program: "http_client",
        mistake: "--fail does nothing",
        check: "fail_makes_errors_of_the_server_ours",
        told: "with --fail the status code decides",
    },
    Exhibit {
        name: "gathers-everything",
        program: "http_client",
        mistake: "the body is gathered in memory",
        check: "a_large_body_is_written_in_constant_memory",
        told: "write each piece as it comes",
    },
    Exhibit {
        name: "no-progress",
        program: "http_client",
        mistake: "there is no progress bar",
        check: "progress_is_shown_on_a_terminal",
        told: "draw a progress bar",
    },
    Exhibit {
        name: "sprays",
        program: "http_client",
        mistake: "a binary body is shown, escaped",
        check: "a_binary_body_is_not_sprayed_on_a_terminal",
        told: "say that the body is binary",
    },
    Exhibit {
        name: "raw-on-terminal",
        program: "http_client",
        mistake: "escape sequences of the server reach the terminal",
        check: "a_response_cannot_drive_the_terminal",
        told: "a terminal obeys escape sequences",
    },
    Exhibit {
        name: "decodes-each-read",
        program: "http_client",
        mistake: "a character cut in two is shown as two errors",
        check: "a_character_in_two_pieces_is_shown_whole",
        told: "a character may be cut in two",
    },
    Exhibit {
        name: "panics-on-closed-stdout",
        program: "http_client",
        mistake: "a failed write to stdout is a panic",
        check: "a_closed_stdout_ends_the_client_quietly",
        told: "http_client crashed: panicked at",
    },
    Exhibit {
        name: "connects-each-time",
        program: "http_client",
        mistake: "a session makes a connection for each request",
        check: "a_session_keeps_its_connection",
        told: "the connection was not kept",
    },
    Exhibit {
        name: "always-adds-host",
        program: "http_client",
        mistake: "a session adds Host to every request",
        check: "a_session_adds_host_and_says_so",
        told: "stays as it was typed",
    },
    Exhibit {
        name: "adds-host-silently",
        program: "http_client",
        mistake: "a session does not say that it has added Host",
        check: "a_session_adds_host_and_says_so",
        told: "which stderr says",
    },
    Exhibit {
        name: "ends-with-the-connection",
        program: "http_client",
        mistake: "a session ends when the server closes",
        check: "a_session_connects_again_when_the_server_has_closed",
        told: "is not the end of the session",
    },
];

#[test]
#[ignore = "is about the checks, not the programs, and takes a minute; .ci/run runs it"]
fn every_exhibit_is_caught_and_told_its_mistake() {
    let museum = Museum::open();
    let next = Mutex::new(EXHIBITS.iter());
    let missed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        // Most of them wait most of the time.
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(exhibit) = next.lock().ok().and_then(|mut rest| rest.next()) {
                    if let Err(complaint) = museum.show(exhibit)
                        && let Ok(mut missed) = missed.lock()
                    {
                        missed.push(complaint);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap_or_default();
    assert!(
        missed.is_empty(),
        "{} of {}:\n{}",
        missed.len(),
        EXHIBITS.len(),
        missed.join("\n")
    );
}

#[test]
#[ignore = "is about the checks, not the programs; .ci/run runs it"]
fn the_right_program_of_the_museum_passes_all_checks() {
    let museum = Museum::open();
    for (lab, checks) in &museum.checks {
        let (passed, output) = museum.check(checks, "", "");
        assert!(passed, "{lab}:\n{output}");
    }
}

#[test]
fn each_program_has_at_least_five_exhibits() {
    let mut exhibits = BTreeMap::<&str, usize>::new();
    for exhibit in EXHIBITS {
        *exhibits.entry(exhibit.program).or_default() += 1;
    }
    assert!(exhibits.values().all(|count| *count >= 5), "{exhibits:?}");
}

/// The programs of each lab, by its checks.
const LABS: [(&str, &[&str]); 4] = [
    ("lab1_udp", &["udp_server", "udp_client"]),
    ("lab2_tcp", &["tcp_server", "tcp_client"]),
    ("lab3_web", &["web_server"]),
    ("lab4_client", &["http_client"]),
];

fn lab_of(program: &str) -> &'static str {
    let lab = LABS.iter().find(|(_, programs)| programs.contains(&program));
    lab.unwrap_or_else(|| panic!("{program} is of no lab")).0
}

struct Museum {
    /// Holds links by the programs' names.
    folder: tempfile::TempDir,
    /// The executables of the checks, by lab.
    checks: BTreeMap<&'static str, PathBuf>,
}

impl Museum {
    fn open() -> Self {
        let executable = built("museum", "museum", |build| build.bin("museum"));
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
        for program in EXHIBITS.iter().map(|exhibit| exhibit.program) {
            // The same program again is no news.
            let _ = symlink(&executable, folder.path().join(program));
        }
        let checks = LABS.map(|(lab, _)| (lab, built("checks", lab, |build| build.test(lab))));
        Self { folder, checks: checks.into() }
    }

    fn show(&self, exhibit: &Exhibit) -> Result<(), String> {
        let Exhibit { name, program, mistake, check, told } = exhibit;
        let (passed, output) = self.check(&self.checks[lab_of(program)], check, name);
        // A story is broken into lines where it is full.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let complaint = match () {
            () if !output.contains("running 1 test\n") => "there is no such check",
            () if passed => "was not caught",
            () if output.contains("does not pass its first check") => {
                "fails its first check already"
            }
            () if !words(&output).contains(told) => "was not told",
            () => return Ok(()),
        };
        Err(format!("{program}, {name} ({mistake}): {complaint}: {check}: {told}\n{output}"))
    }

    /// Runs one check, or all, on the museum's programs.
    fn check(&self, checks: &Path, name: &str, exhibit: &str) -> (bool, String) {
        let mut command = Command::new(checks);
        command.env("LAB_PROGRAMS", self.folder.path()).env("MUSEUM_EXHIBIT", exhibit);
        if !name.is_empty() {
            command.args(["--exact", name]);
        }
        let output = command.output().unwrap_or_else(|error| panic!("{checks:?}: {error}"));
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Builds one target of a package of this workspace.
fn built(
    package: &str,
    name: &str,
    target: impl FnOnce(escargot::CargoBuild) -> escargot::CargoBuild,
) -> PathBuf {
    let build = escargot::CargoBuild::new().manifest_path(root().join("Cargo.toml"));
    let build = target(build.package(package).current_release());
    let messages = build.exec().unwrap_or_else(|error| panic!("{package}: {error}"));
    let mut executables = messages.filter_map(|message| {
        let message = message.ok()?;
        match message.decode().ok()? {
            escargot::format::Message::CompilerArtifact(artifact) => {
                let executable = artifact.executable?.into_owned();
                (artifact.target.name == name).then_some(executable)
            }
            _ => None,
        }
    });
    executables.next().unwrap_or_else(|| panic!("{name} does not compile"))
}
