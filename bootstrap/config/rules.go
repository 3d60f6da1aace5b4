package config

import (
	"errors"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
)

// maxLabel is the most bytes of a text that tokens, answers or metrics carry. With two of them and the longest install id a token stays
// below the 4096 bytes that its readers look at.
const maxLabel = 255

// rules is validator with the rules that are ours.
var rules = newRules()

func newRules() *validator.Validate {
	rules := validator.New(validator.WithRequiredStructEnabled())
	for name, rule := range map[string]validator.Func{
		"label": func(level validator.FieldLevel) bool {
			return isLabel(level.Field().String())
		},
		"listener": func(level validator.FieldLevel) bool {
			return isListener(level.Field().String())
		},
		"apart": func(level validator.FieldLevel) bool {
			other := level.Parent().FieldByName(level.Param())
			return !collide(level.Field().String(), other.String())
		},
	} {
		if err := rules.RegisterValidation(name, rule); err != nil {
			panic("config: " + err.Error())
		}
	}
	return rules
}

// validate asks validator about the numbers, enumerations and dependencies of the fields that could be read.
func (r *reading) validate() {
	var wrong validator.ValidationErrors
	if err := rules.Struct(&r.fields); !errors.As(err, &wrong) {
		return
	}
	for _, one := range wrong {
		field, _ := reflect.TypeFor[fields]().FieldByName(one.StructField())
		v := table[field.Index[0]]
		if !r.broken[v.name] {
			r.faultOf(v.name, v.breach(one.Tag()), "give "+v.wanted())
		}
	}
}

// breach says how a value breaks one of validator's rules.
func (v variable) breach(rule string) string {
	switch rule {
	case "required":
		return "is empty"
	case "label":
		return "is longer than 255 bytes, not valid UTF-8, or has control characters"
	case "apart":
		return "is the same address as the public listener's"
	}
	return "is not " + v.shape()
}

// shape is what a value of the variable looks like.
func (v variable) shape() string {
	switch {
	case v.kind.Kind() == reflect.Int:
		return "a whole number" + v.bounds()
	case v.kind.Kind() == reflect.Bool:
		return "true or false"
	case v.words() != "":
		return "one of the words that are allowed"
	}
	return "an address of the form host:port"
}

// wanted is what would be right.
func (v variable) wanted() string {
	_, isLabel := v.rule("label")
	_, isListener := v.rule("listener")
	switch {
	case v.kind.Kind() == reflect.Int:
		return "a whole number in plain digits" + v.bounds()
	case v.kind.Kind() == reflect.Bool:
		return "true or false"
	case v.words() != "":
		return v.words()
	case isLabel:
		return "at most 255 bytes of UTF-8 without control characters"
	case isListener && v.name == varOpsAddr:
		return "host:port with another port than the public listener's, such as 127.0.0.1:9090, or nothing for none"
	}
	return "host:port with a port from 0 to 65535, such as 127.0.0.1:8080 or :8080"
}

// usage is the help text with what the variable may be.
func (v variable) usage() string {
	if _, is := unbuilt[v.name]; is {
		return "not in this version: " + v.help
	}
	switch bounds := v.bounds(); {
	case bounds != "":
		return v.help + " (" + strings.TrimPrefix(strings.TrimSpace(bounds), "of ") + ")"
	case v.words() != "":
		return v.help + " (" + v.words() + ")"
	}
	return v.help
}

// bounds are a number's bounds, as the end of a sentence; empty for what is no number.
func (v variable) bounds() string {
	least, _ := v.rule("min")
	most, bounded := v.rule("max")
	switch {
	case least == "":
		return ""
	case bounded:
		return " from " + least + " to " + most
	}
	return " of at least " + least
}

// words are the words that the variable may have; empty where it is free.
func (v variable) words() string {
	words, ok := v.rule("oneof")
	if !ok {
		words, _ = v.rule("oneofci")
	}
	return strings.Join(strings.Fields(words), " or ")
}

// isLabel tells whether text can be carried by tokens, answers and metrics.
func isLabel(text string) bool {
	return len(text) <= maxLabel && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl)
}

// isListener tells whether text is host:port: a host that is empty, an address or a name (RFC 1123 §2.1), and a port from 0, which lets the system choose.
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
	last := host[strings.LastIndexByte(host, '.')+1:]
	numeric := strings.Trim(last, digits) == "" // then it is an address, and a wrong one
	return len(host) <= 253 && !numeric && strings.Trim(host, digits+others) == ""
}

// collide tells whether two listeners would want the same port of the same address. A host that stands for every address wants all of them, IPv4 and
// IPv6 alike: that is how Go listens.
func collide(one, other string) bool {
	host, port, err := net.SplitHostPort(one)
	otherHost, otherPort, otherErr := net.SplitHostPort(other)
	if err != nil || otherErr != nil || port != otherPort || port == "0" {
		return false
	}
	return isEvery(host) || isEvery(otherHost) || strings.EqualFold(host, otherHost) ||
		sameAddr(host, otherHost)
}

func isEvery(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

func sameAddr(one, other string) bool {
	a, err := netip.ParseAddr(one)
	b, otherErr := netip.ParseAddr(other)
	return err == nil && otherErr == nil && a.Unmap() == b.Unmap()
}
