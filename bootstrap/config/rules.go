package config

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/offload/sessiond/adapters/http/server"
)

// maxLabel is the maximum length in bytes of a text in tokens, responses or metrics. A token with
// two such texts and the longest install id stays within the 4096 bytes that its readers accept.
const maxLabel = 255

// validate checks the numbers, the texts and the dependencies of the fields that could be read.
func (r *reviewer) validate() {
	all := reflect.ValueOf(&r.fields).Elem()
	violated := map[string]string{} // by variable: the first rule
	for _, v := range table {
		if rule, ok := v.violated(all); ok && !r.broken[v.name] {
			violated[v.name] = rule
		}
	}
	for _, v := range table {
		rule, ok := violated[v.name]
		if !ok || v.name == VarHTTPAddr && r.isInherited() { // the inherited socket exists
			continue
		}
		text := r.texts[v.name]
		if _, mayBeSocket := v.rule("socket"); mayBeSocket &&
			strings.HasPrefix(text, server.SocketPrefix) {
			r.faultOf(v.name, "is not a Unix socket"+quotedUnlessSecret(text),
				fmt.Sprintf("use unix: and an absolute path of at most %d bytes, such as "+
					"unix:/run/sessiond/http.sock", maxSocket))
			continue
		}
		r.faultOf(v.name, v.violation(rule)+quotedUnlessSecret(text),
			"use "+v.expected()+meantAddress(v, text))
		if _, ok := v.rule("listener"); ok { // it may be a secret in the wrong place
			all.Field(v.index).SetZero()
		}
	}
}

// violated returns the first rule that the value of the variable in all, the fields, violates. It
// returns false if there is none.
func (v variable) violated(all reflect.Value) (rule string, ok bool) {
	value := all.Field(v.index)
	if _, mayBeEmpty := v.rule("omitempty"); mayBeEmpty && value.IsZero() {
		return "", false
	}
	for _, rule := range v.rules {
		if name, parameter, _ := strings.Cut(rule, "="); !meets(value, name, parameter, all) {
			return name, true
		}
	}
	return "", false
}

// meets reports whether the value of a field meets a rule with its parameter. It panics if there is
// no such rule. The rule distinct compares with another field in all.
func meets(value reflect.Value, rule, parameter string, all reflect.Value) bool {
	switch rule {
	case "omitempty":
		return true
	case "required":
		return !value.IsZero()
	case "min":
		return int(value.Int()) >= mustNumber(parameter)
	case "max":
		return int(value.Int()) <= mustNumber(parameter)
	case "label":
		return isLabel(value.String())
	case "listener":
		return isListener(value.String())
	case "listener|socket":
		return isListener(value.String()) || isSocket(value.String())
	case "distinct":
		return !collide(value.String(), all.FieldByName(parameter).String())
	}
	panic("config: there is no rule " + rule)
}

// violation describes how a value violates a rule.
func (v variable) violation(rule string) string {
	switch rule {
	case "required":
		return "is empty"
	case "label":
		return fmt.Sprintf("is longer than %d bytes, not valid UTF-8, or has control characters",
			maxLabel)
	case "distinct":
		return "is the same address as that of the public listener"
	}
	return "is not " + v.shape()
}

// shape describes the type of the variable, to follow "is not".
func (v variable) shape() string {
	switch {
	case v.kind.Kind() == reflect.Int:
		return "a whole number" + v.bounds()
	case v.kind.Kind() == reflect.Bool:
		return "true or false"
	case v.words() != "":
		return "one of the allowed values"
	}
	return "an address of the form host:port"
}

// expected describes a valid value of the variable, to follow "use".
func (v variable) expected() string {
	_, isLabel := v.rule("label")
	_, isRequired := v.rule("required")
	_, isListener := v.rule("listener")
	switch {
	case v.kind.Kind() == reflect.Int:
		return "a whole number in plain digits" + v.bounds()
	case v.kind.Kind() == reflect.Bool:
		return "true or false"
	case v.words() != "":
		return v.words()
	case isLabel && isRequired:
		return fmt.Sprintf("1 to %d bytes of UTF-8 without control characters", maxLabel)
	case isLabel:
		return fmt.Sprintf("at most %d bytes of UTF-8 without control characters", maxLabel)
	case isListener && v.name == VarOpsAddr:
		return "host:port with a port other than that of the public listener, " +
			"such as 127.0.0.1:9090, or an empty value for none"
	}
	return "host:port with a port from 0 to 65535, such as 127.0.0.1:8080 or :8080"
}

// meantAddress returns, as the end of a remedy, the address that an invalid one probably stands
// for. It returns "" if none is likely, or if the variable is not an address.
func meantAddress(v variable, text string) string {
	if _, isListener := v.rule("listener"); !isListener || mayBeSecret(text) {
		return ""
	}
	port := ":8080"
	if v.name == VarOpsAddr {
		port = ":9090"
	}
	given := text
	text = strings.Join(strings.Fields(text), "")
	last := max(strings.LastIndexByte(text, ':'), 0)
	_, afterScheme, _ := strings.Cut(text, "://")
	// A star stands for all addresses elsewhere.
	candidates := []string{text, ":" + text, strings.TrimPrefix(text, "*")}
	// A word alone may be anything, but what has dots is a host.
	if text == "" || text == "localhost" || strings.Contains(text, ".") {
		candidates = append(candidates, text+port)
	}
	candidates = append(candidates, strings.TrimSuffix(afterScheme, "/"))
	if strings.Count(text, ":") > 1 {
		candidates = append(candidates, "["+text[:last]+"]"+text[last:], "["+text+"]"+port)
	}
	_, maybe := v.rule("socket")
	if maybe {
		candidates = append(candidates, server.SocketPrefix+text)
	}
	for _, meant := range candidates {
		if meant != given && (isListener(meant) || maybe && isSocket(meant)) {
			return "; did you mean " + meant + "?"
		}
	}
	return ""
}

// usage returns the help text with the allowed values.
func (v variable) usage() string {
	switch bounds := v.bounds(); {
	case bounds != "":
		return v.help + " (" + strings.TrimPrefix(strings.TrimSpace(bounds), "of ") + ")"
	case v.words() != "":
		return v.help + " (" + v.words() + ")"
	}
	return v.help
}

// bounds returns the bounds of a number as the end of a sentence, or "" for other types.
func (v variable) bounds() string {
	minimum, _ := v.rule("min")
	maximum, bounded := v.rule("max")
	switch {
	case minimum == "":
		return ""
	case bounded:
		return " from " + minimum + " to " + maximum
	}
	return " of at least " + minimum
}

// isLabel reports whether text is valid in tokens, responses and metrics.
func isLabel(text string) bool {
	return len(text) <= maxLabel && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl)
}

// isListener reports whether text is host:port. The host is empty, an address or a name (RFC 1123
// §2.1). The port may be 0, which lets the system choose one.
func isListener(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	if number, ok := decimal(port); !ok || port == "" || number > 65535 {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	const digits, others = "0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-"
	labels := strings.Split(host, ".")
	numeric := strings.Trim(labels[len(labels)-1], digits) == "" // an invalid address
	tooLong := slices.ContainsFunc(labels, func(label string) bool { return len(label) > 63 })
	// A long text with capitals may be a key, which must not be sent to a name server: names are
	// written in lower case.
	isSecret := mayBeSecret(host) && host != strings.ToLower(host)
	return len(host) <= 253 && !numeric && !tooLong && !isSecret &&
		strings.Trim(host, digits+others) == ""
}

// maxSocket is the maximum length of a socket's path in bytes: that of the system, less what a
// temporary name adds.
const maxSocket = 100

// isSocket reports whether text names a Unix socket by its absolute path.
func isSocket(text string) bool {
	path, ok := strings.CutPrefix(text, server.SocketPrefix)
	return ok && len(path) > 1 && len(path) <= maxSocket && path[0] == '/' &&
		!strings.HasSuffix(path, "/") && isLabel(path)
}

// collide reports whether two listeners would use the same port of the same address. A wildcard
// host includes all addresses of IPv4 and IPv6, as it does in Go's net package.
func collide(one, other string) bool {
	host, port, err := net.SplitHostPort(one)
	otherHost, otherPort, otherErr := net.SplitHostPort(other)
	if err != nil || otherErr != nil || port != otherPort || port == "0" {
		return false
	}
	return isWildcard(host) || isWildcard(otherHost) || strings.EqualFold(host, otherHost) ||
		sameAddr(host, otherHost)
}

// isWildcard reports whether host stands for all addresses.
func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// sameAddr reports whether two hosts are the same address, in IPv4 or mapped to IPv6.
func sameAddr(one, other string) bool {
	a, err := netip.ParseAddr(one)
	b, otherErr := netip.ParseAddr(other)
	return err == nil && otherErr == nil && a.Unmap() == b.Unmap()
}
