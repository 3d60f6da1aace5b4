package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/rueidis"
)

// URLFault is what is wrong with a URL.
type URLFault uint8

// The faults of a URL.
const (
	// NotAURL is text that no URL can be read from.
	NotAURL URLFault = iota + 1
	// WrongScheme is a scheme other than redis and rediss.
	WrongScheme
	// Fragment is a # where a URL of a server has no meaning for it, as in a password.
	Fragment
	// NoHost is a URL that names no host.
	NoHost
	// WrongPort is a port that no server can have.
	WrongPort
	// WrongDatabase is a path that is no database's number.
	WrongDatabase
	// WrongAddress is a further address that is not a host and a port.
	WrongAddress
	// NothingToVerify is a certificate not to be checked where there is none.
	NothingToVerify
	// WrongParameter is a parameter whose value means nothing.
	WrongParameter
	// UnknownParameter is a parameter that means nothing.
	UnknownParameter
)

// String is the fault in words, with what to do where that is not plain.
func (f URLFault) String() string {
	switch f {
	case NotAURL:
		return "not a URL (in user and password, write %40 for @, %2F for /, %3A for :, %3F for ?, %25 for %)"
	case WrongScheme:
		return "the scheme is neither redis nor rediss"
	case Fragment:
		return "it has a # (write %23 for one in a password)"
	case NoHost:
		return "it names no host after the //"
	case WrongPort:
		return "the port is not 1 to 65535"
	case WrongDatabase:
		return "the path is not the number of a database"
	case WrongAddress:
		return "a value of addr is not a host, a colon and a port"
	case NothingToVerify:
		return "skip_verify has a meaning with rediss alone"
	case WrongParameter:
		return "the value of a parameter cannot be read"
	case UnknownParameter:
		return "it has a parameter other than addr, master_set and skip_verify"
	}
	return "unknown"
}

// URLError is a URL that names no server. It holds nothing of the URL, which is a secret.
type URLError struct{ Fault URLFault }

// Error tells the fault.
func (e *URLError) Error() string { return "redis URL: " + e.Fault.String() }

// Reason is why a server gave no answer.
type Reason uint8

// The reasons.
const (
	// TimedOut is no answer by the deadline. The server may still do what it was asked.
	TimedOut Reason = iota
	// Canceled is a caller who no longer wanted the answer.
	Canceled
	// Unreachable is no connection, or one that broke.
	Unreachable
	// Refused is an error that the server answered with.
	Refused
	// Unintelligible is an answer that is none of the script's, or none of Redis's at all.
	Unintelligible
)

// String is the reason as a word.
func (r Reason) String() string {
	switch r {
	case TimedOut:
		return "timed_out"
	case Canceled:
		return "canceled"
	case Unreachable:
		return "unreachable"
	case Refused:
		return "refused"
	case Unintelligible:
		return "unintelligible"
	}
	return "unknown"
}

// UnavailableError is a decision that was not had. It holds no address, no part of the URL and no text of a server's: some answer what they do not
// know with the words of the question, a password among them.
type UnavailableError struct {
	Reason Reason
	// Detail is for the operator: a server's error code such as OOM or WRONGPASS, ERR for any that is not well known, or what the system says of a connection. May be empty.
	Detail string
	cause  error
}

// Error tells reason and detail.
func (e *UnavailableError) Error() string {
	text := "redis: " + e.Reason.String()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap is the error of a context, where that is what ended the decision; nothing else is let through.
func (e *UnavailableError) Unwrap() error { return e.cause }

// plainCode is the code of errors that have none of their own.
const plainCode = "ERR"

// codes are the errors that Redis and Valkey tell by a code of their own. A word that is none of them may be anything, a password too.
var codes = map[string]bool{
	"ASK": true, "BUSY": true, "CLUSTERDOWN": true, "CROSSSLOT": true, "EXECABORT": true,
	"LOADING": true, "MASTERDOWN": true, "MISCONF": true,
	"MOVED": true, "NOAUTH": true, "NOPERM": true, "NOPROTO": true, "NOREPLICAS": true,
	"NOSCRIPT": true, "OOM": true, "READONLY": true,
	"TRYAGAIN": true, "UNKILLABLE": true, "WRONGPASS": true, "WRONGTYPE": true,
}

// codeOf is a server's error code: the first word of its answer, where that is one.
func codeOf(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if codes[word] {
		return word
	}
	return plainCode
}

// unavailable sorts an error of rueidis, of the system or of a context.
func unavailable(err error) *UnavailableError {
	var sorted *UnavailableError
	if errors.As(err, &sorted) {
		return sorted
	}
	var network net.Error
	var number *strconv.NumError
	switch {
	case errors.Is(err, context.Canceled):
		return &UnavailableError{Reason: Canceled, cause: context.Canceled}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return &UnavailableError{Reason: TimedOut, cause: context.DeadlineExceeded}
	case errors.Is(err, errAnswer), errors.Is(err, errProtocol), rueidis.IsParseErr(err),
		errors.As(err, &number):
		return &UnavailableError{Reason: Unintelligible}
	}
	if answer, is := rueidis.IsRedisErr(err); is {
		if answer.IsNil() {
			return &UnavailableError{Reason: Unintelligible}
		}
		return &UnavailableError{Reason: Refused, Detail: codeOf(answer.Error())}
	}
	return &UnavailableError{Reason: Unreachable, Detail: detail(err)}
}

// detail is what can be said of a connection's error without an address or a name.
func detail(err error) string {
	var number syscall.Errno
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server ended the connection"
	case errors.As(err, &name):
		return "the name has no address"
	case errors.As(err, &certificate):
		return "the server's certificate is not trusted"
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case errors.As(err, &alert):
		return alert.Error()
	}
	return ""
}
