// Every reply the server dialogue and its owner use, by name, each with the rule it comes from.
// Texts are static; no other file of the server names a reply code.
#pragma once

#include "proto/smtp/reply.h"

namespace ringpost::smtp::replies {

// Success: RFC 5321 4.2.3, enhanced status RFC 3463.
inline constexpr ReplyView ok{250, {2, 0, 0}, "Ok"};
inline constexpr ReplyView sender_ok{250, {2, 1, 0}, "Sender ok"};
inline constexpr ReplyView recipient_ok{250, {2, 1, 5}, "Recipient ok"};
inline constexpr ReplyView flushed{250, {2, 0, 0}, "Flushed"};
inline constexpr ReplyView chunk_taken{250, {2, 0, 0}, "Chunk taken"};  // RFC 3030 2
inline constexpr ReplyView closing{221, {2, 0, 0}, "Bye"};
inline constexpr ReplyView will_not_verify{
    252, {2, 5, 0}, "Cannot verify; send it and see"};  // RFC 5321 3.5.3
inline constexpr ReplyView send_content{354, {}, "End data with <CRLF>.<CRLF>"};
inline constexpr ReplyView help{214,
                                {2, 0, 0},
                                "Commands: HELO EHLO MAIL RCPT DATA BDAT\n"
                                "RSET NOOP QUIT VRFY HELP"};

// RFC 4954 6: AUTH.
inline constexpr ReplyView authenticated{235, {2, 7, 0}, "Authentication succeeded"};
inline constexpr ReplyView wrong_credentials{535, {5, 7, 8}, "Authentication credentials invalid"};
inline constexpr ReplyView auth_unavailable{
    454, {4, 7, 0}, "Authentication is not available; try again later"};
inline constexpr ReplyView auth_limited{
    454, {4, 7, 0}, "Too many failed attempts; try again later"};
inline constexpr ReplyView auth_cancelled{501, {5, 7, 0}, "Authentication cancelled"};
inline constexpr ReplyView auth_malformed{501, {5, 5, 2}, "Authentication response not understood"};
inline constexpr ReplyView auth_too_long{500, {5, 5, 6}, "Authentication exchange line too long"};
inline constexpr ReplyView auth_syntax{501, {5, 5, 4}, "Syntax: AUTH mechanism [initial-response]"};
inline constexpr ReplyView mechanism_unknown{
    504, {5, 5, 4}, "Authentication mechanism not offered"};
inline constexpr ReplyView already_authenticated{503, {5, 5, 1}, "Already authenticated"};
inline constexpr ReplyView auth_in_transaction{503, {5, 5, 1}, "No AUTH during a mail transaction"};
inline constexpr ReplyView need_auth{530, {5, 7, 0}, "Must issue an AUTH command first"};
inline constexpr ReplyView auth_needs_tls{
    538, {5, 7, 11}, "Encryption required for authentication; issue STARTTLS first"};

// The session ends: RFC 5321 3.8, 4.2.1, 4.5.3.2.
inline constexpr ReplyView timed_out{421, {4, 4, 2}, "Timeout; closing connection"};
inline constexpr ReplyView shutting_down{421, {4, 3, 2}, "Service is shutting down"};
inline constexpr ReplyView too_many_errors{421, {4, 7, 0}, "Too many errors; closing connection"};
inline constexpr ReplyView too_many_messages{
    421, {4, 7, 0}, "Too many messages in this session; open another"};
inline constexpr ReplyView chunk_size_unknown{
    421, {4, 5, 4}, "BDAT size not understood; closing connection"};

// STARTTLS: RFC 3207 4.
inline constexpr ReplyView ready_for_tls{220, {2, 0, 0}, "Ready to start TLS"};
inline constexpr ReplyView tls_unavailable{
    454, {4, 7, 0}, "TLS not available due to temporary reason"};
inline constexpr ReplyView tls_required{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
inline constexpr ReplyView tls_active{503, {5, 5, 1}, "TLS is already active"};

// For owners: connection limits, disk space, local trouble.
inline constexpr ReplyView too_many_connections{421, {4, 7, 0}, "Too many connections"};
inline constexpr ReplyView too_many_from_address{
    421, {4, 7, 0}, "Too many connections from your address"};
inline constexpr ReplyView insufficient_storage{
    452, {4, 3, 1}, "Insufficient system storage; try again later"};
inline constexpr ReplyView local_error{451, {4, 3, 0}, "Local error; try again later"};
inline constexpr ReplyView temporarily_unavailable{
    451, {4, 3, 2}, "Temporarily unavailable; try again later"};
inline constexpr ReplyView no_such_user{550, {5, 1, 1}, "Recipient address rejected: no such user"};
inline constexpr ReplyView relay_denied{550, {5, 7, 1}, "Relaying denied"};
inline constexpr ReplyView alias_loop{550, {5, 4, 6}, "Aliases of this address form a loop"};

// Of filters: RFC 5321 3.8, RFC 3463 3.4 and 3.7.
inline constexpr ReplyView filter_gone{
    421, {4, 3, 0}, "A filter is not available; closing connection"};
inline constexpr ReplyView filter_unavailable{
    451, {4, 3, 0}, "A filter is not available; try again later"};
inline constexpr ReplyView line_too_long_for_filter{
    554, {5, 6, 0}, "A line of the message is too long"};
inline constexpr ReplyView filtered_too_big{552, {5, 3, 4}, "The message has become too big"};

// The line: RFC 5321 4.2.4, 4.5.3.1.4.
inline constexpr ReplyView line_too_long{500, {5, 5, 2}, "Line too long"};
inline constexpr ReplyView bare_line_end_in_command{
    500, {5, 5, 2}, "Bare CR or LF in a command; lines end with CRLF"};
inline constexpr ReplyView bad_octet{500, {5, 5, 2}, "Octet not allowed in a command"};
inline constexpr ReplyView unknown_command{500, {5, 5, 1}, "Command not recognized"};
inline constexpr ReplyView not_implemented{502, {5, 5, 1}, "Command not implemented"};

// The order: RFC 5321 3.3, 4.1.4.
inline constexpr ReplyView need_hello{503, {5, 5, 1}, "Say HELO or EHLO first"};
inline constexpr ReplyView need_mail{503, {5, 5, 1}, "Need MAIL first"};
inline constexpr ReplyView no_valid_recipients{554, {5, 5, 1}, "No valid recipients"};
inline constexpr ReplyView nested_mail{503, {5, 5, 1}, "Sender already given"};
inline constexpr ReplyView in_chunks{503, {5, 5, 1}, "Content has begun with BDAT"};
inline constexpr ReplyView after_failed_chunk{503, {5, 5, 1}, "A chunk failed; send RSET"};
inline constexpr ReplyView session_rejected{503, {5, 5, 1}, "Service refused; only QUIT is left"};

// Arguments: RFC 5321 4.1.1, 4.1.1.11.
inline constexpr ReplyView hello_needs_name{501, {5, 5, 4}, "Syntax: HELO or EHLO with one name"};
inline constexpr ReplyView no_arguments_allowed{501, {5, 5, 4}, "Command takes no arguments"};
inline constexpr ReplyView argument_needed{501, {5, 5, 4}, "Command needs an argument"};
inline constexpr ReplyView mail_syntax{501, {5, 5, 4}, "Syntax: MAIL FROM:<address> [parameters]"};
inline constexpr ReplyView rcpt_syntax{501, {5, 5, 4}, "Syntax: RCPT TO:<address> [parameters]"};
// RFC 6409 6.1
inline constexpr ReplyView not_your_address{
    550, {5, 7, 1}, "Sender rejected: not an address that you may send from"};
inline constexpr ReplyView bad_sender{501, {5, 1, 7}, "Bad sender address syntax"};
inline constexpr ReplyView bad_recipient{501, {5, 1, 3}, "Bad recipient address syntax"};
inline constexpr ReplyView unknown_parameter{555, {5, 5, 4}, "Parameter not recognized"};
inline constexpr ReplyView bad_parameter{501, {5, 5, 4}, "Bad or repeated parameter"};
inline constexpr ReplyView utf8_not_asked{
    553, {5, 6, 7}, "Address needs SMTPUTF8"};  // RFC 6531 3.5

// Limits: RFC 1870 6.1, RFC 5321 4.5.3.1.10.
inline constexpr ReplyView too_big{552, {5, 3, 4}, "Message too big"};
inline constexpr ReplyView too_many_recipients{452, {4, 5, 3}, "Too many recipients"};

// The content.
inline constexpr ReplyView bare_line_end{
    554, {5, 6, 0}, "Bare CR or LF in the message; lines end with CRLF"};
inline constexpr ReplyView mail_loop{
    554, {5, 4, 6}, "Too many Received fields; mail loop"};  // RFC 5321 6.3

}  // namespace ringpost::smtp::replies
