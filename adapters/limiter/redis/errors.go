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

// URLFault says what is wrong with a URL.
type URLFault uint8

// The faults of a URL.
const (
	// NotAURL is text that cannot be parsed as a URL.
	NotAURL URLFault = iota + 1
	// WrongScheme is a scheme other than redis and rediss.
	WrongScheme
	// Fragment is a # in a URL, where it has no meaning, for example in a password.
	Fragment
	// NoHost is a URL without a host.
	NoHost
	// WrongPort is an invalid port.
	WrongPort
	// WrongDatabase is a path that is not the number of a database.
	WrongDatabase
	// WrongAddress is an additional address that is not a host and a port.
	WrongAddress
	// NothingToVerify is a certificate that must not be verified where there is none.
	NothingToVerify
	// WrongParameter is a parameter with an invalid value.
	WrongParameter
	// UnknownParameter is a parameter that does not exist.
	UnknownParameter
)

// String describes the fault, and says what to do if that is not obvious.
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

// URLError is the error for an invalid URL. It holds nothing of the URL, which is a secret.
type URLError struct{ Fault URLFault }

// Error describes the fault.
func (e *URLError) Error() string { return "redis URL: " + e.Fault.String() }

// Reason says why there was no answer from a server.
type Reason uint8

// The reasons.
const (
	// TimedOut is no answer by the deadline. The server may still execute the command.
	TimedOut Reason = iota
	// Canceled is a caller that no longer waited for the answer.
	Canceled
	// Unreachable is no connection, or one that broke.
	Unreachable
	// Refused is an error reply of the server.
	Refused
	// Unintelligible is an answer that the script does not give, or that is not RESP at all.
	Unintelligible
)

// String returns the reason's name.
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

// UnavailableError is the error for a decision that could not be made. It holds no address, no part
// of the URL and no text of a server: some servers repeat unknown input, even a password.
type UnavailableError struct {
	Reason Reason
	// Detail is for the operator: a server's error code such as OOM or WRONGPASS, ERR for an
	// unknown code, or the system's description of a connection error. It may be empty.
	Detail string
	cause  error
}

// Error returns the reason and the detail.
func (e *UnavailableError) Error() string {
	text := "redis: " + e.Reason.String()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the error of a context if that ended the decision, and nothing else.
func (e *UnavailableError) Unwrap() error { return e.cause }

// plainCode is the code of errors without a code of their own.
const plainCode = "ERR"

// codes are the error codes of Redis and Valkey. Any other word may be anything, even a password.
var codes = map[string]bool{
	"ASK": true, "BUSY": true, "CLUSTERDOWN": true, "CROSSSLOT": true, "EXECABORT": true,
	"LOADING": true, "MASTERDOWN": true, "MISCONF": true,
	"MOVED": true, "NOAUTH": true, "NOPERM": true, "NOPROTO": true, "NOREPLICAS": true,
	"NOSCRIPT": true, "OOM": true, "READONLY": true,
	"TRYAGAIN": true, "UNKILLABLE": true, "WRONGPASS": true, "WRONGTYPE": true,
}

// codeOf returns a server's error code: the first word of its reply, if that is a known code.
func codeOf(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if codes[word] {
		return word
	}
	return plainCode
}

// unavailable classifies an error of rueidis, the system or a context.
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

// detail describes a connection error without an address or a name.
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
