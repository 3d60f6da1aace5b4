package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/rueidis"
)

// URLFault is the reason why a URL is invalid.
type URLFault uint8

// The faults of a URL.
const (
	// NotAURL means that the text cannot be parsed as a URL.
	NotAURL URLFault = iota + 1
	// WrongScheme means a scheme other than redis, rediss, valkey and valkeys.
	WrongScheme
	// Fragment means that the URL contains a #, probably in a password: the URL of a server has no
	// fragment.
	Fragment
	// NoHost means that the URL names no host.
	NoHost
	// WrongPort means that the port is not between 1 and 65535.
	WrongPort
	// WrongDatabase means that the path is not the number of a database.
	WrongDatabase
	// WrongAddress means that a further address is not a host and a port.
	WrongAddress
	// NothingToVerify means that skip_verify is given without TLS.
	NothingToVerify
	// WrongParameter means that a parameter has an invalid value.
	WrongParameter
	// UnknownParameter means that a parameter is unknown.
	UnknownParameter
)

// String returns a description of the fault, with a remedy if it is not obvious.
func (f URLFault) String() string {
	switch f {
	case NotAURL:
		return "not a URL (in user and password, write %40 for @, %2F for /, %3A for :, %3F for ?, %25 for %)"
	case WrongScheme:
		return "the scheme is none of redis, rediss, valkey and valkeys"
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
		return "skip_verify has a meaning with rediss and valkeys alone"
	case WrongParameter:
		return "the value of a parameter cannot be read"
	case UnknownParameter:
		return "it has a parameter other than addr, master_set and skip_verify"
	}
	return "unknown"
}

// URLError reports an invalid URL. It contains nothing of the URL, which is a secret.
type URLError struct{ Fault URLFault }

// Error implements error.
func (e *URLError) Error() string { return "redis URL: " + e.Fault.String() }

// Reason is why the server made no decision.
type Reason uint8

// The reasons.
const (
	// TimedOut means that there was no reply by the deadline. The server may still execute the
	// command.
	TimedOut Reason = iota
	// Canceled means that the caller canceled the decision.
	Canceled
	// Unreachable means that there was no connection, or that it broke.
	Unreachable
	// Refused means that the server replied with an error.
	Refused
	// Unintelligible means that the reply is not one of the script, or not even one of a Redis
	// server.
	Unintelligible
)

// String returns the reason as a word.
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

// UnavailableError reports that the storage made no decision. It contains no address, no part of
// the URL and no text of the server: some servers repeat unknown commands in their errors,
// including passwords.
type UnavailableError struct {
	Reason Reason
	// Detail is for the operator: the server's error code such as OOM or WRONGPASS, ERR for any
	// code that is not well known, or what the operating system reports of a connection. It may be
	// empty.
	Detail string
	cause  error
}

// Error implements error. It returns the reason and the detail.
func (e *UnavailableError) Error() string {
	text := "redis: " + e.Reason.String()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the error of the context if that ended the decision. No other error is exposed.
func (e *UnavailableError) Unwrap() error { return e.cause }

// plainCode is the code of errors that have no code of their own.
const plainCode = "ERR"

// codes are the error codes of Redis and Valkey. Any other word may be anything, including a
// password.
var codes = map[string]bool{
	"ASK": true, "BUSY": true, "CLUSTERDOWN": true, "CROSSSLOT": true, "EXECABORT": true,
	"LOADING": true, "MASTERDOWN": true, "MISCONF": true,
	"MOVED": true, "NOAUTH": true, "NOPERM": true, "NOPROTO": true, "NOREPLICAS": true,
	"NOSCRIPT": true, "OOM": true, "READONLY": true,
	"TRYAGAIN": true, "UNKILLABLE": true, "WRONGPASS": true, "WRONGTYPE": true,
}

// codeOf returns the code of a server's error: its first word if that is in codes, else plainCode.
func codeOf(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if codes[word] {
		return word
	}
	return plainCode
}

// unavailable classifies an error of rueidis, of the system or of a context.
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
	if answer, found := rueidis.IsRedisErr(err); found {
		if answer.IsNil() {
			return &UnavailableError{Reason: Unintelligible}
		}
		return &UnavailableError{Reason: Refused, Detail: codeOf(answer.Error())}
	}
	return &UnavailableError{Reason: Unreachable, Detail: detail(err)}
}

// detail describes the error of a connection without an address or a name.
func detail(err error) string {
	var number syscall.Errno
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var known connectError
	alert, alerted := alertOf(err)
	switch {
	case errors.As(err, &known):
		return known.Error()
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errEnded.Error()
	case errors.As(err, &name):
		return errNoAddress.Error()
	case errors.As(err, &certificate):
		return distrust(certificate).Error()
	case errors.As(err, &record):
		return errNoTLS.Error()
	case alerted:
		return alert
	}
	return ""
}

// distrust returns why a server's certificate was not accepted.
func distrust(failed *tls.CertificateVerificationError) connectError {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(failed, &name):
		return errOtherName
	case errors.As(failed, &invalid) && invalid.Reason == x509.Expired:
		return errNotInPeriod
	}
	return errNotTrusted
}
