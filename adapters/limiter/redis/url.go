package redis

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// The parameters of a URL. No others are accepted.
const (
	paramAddress    = "addr"        // a further host and port; any number of them
	paramMasterSet  = "master_set"  // the name of the master; the hosts are then Sentinels
	paramSkipVerify = "skip_verify" // with TLS: the server's certificate is not verified
)

// defaultPort is the port of a URL without one.
const defaultPort = "6379"

// schemes maps each scheme to whether it means TLS.
var schemes = map[string]bool{"redis": false, "rediss": true, "valkey": false, "valkeys": true}

// URL is a valid URL of a server, parsed. It contains passwords, so no formatting shows it. Its
// zero value names no server.
type URL struct {
	// This is a pointer to a pointer because fmt calls no methods of a value in an unexported
	// field. It then prints all fields, and under some verbs even what a pointer to a struct points
	// to.
	parsed **target
}

// target is the content of a URL, with the files and users that belong to it.
type target struct {
	option rueidis.ClientOption
	dialer dialer
}

// ParseURL parses the URL of a server: redis:// or valkey://, or rediss:// or valkeys:// for TLS,
// with the parameters above. It fails with a *URLError, which contains nothing of the URL.
func ParseURL(text string) (URL, error) {
	parsed, fault := read(text)
	if fault != 0 {
		return URL{}, &URLError{Fault: fault}
	}
	return urlOf(parsed), nil
}

func urlOf(parsed target) URL {
	pointer := &parsed
	return URL{parsed: &pointer}
}

// Secured reports whether the URL requires TLS.
func (u URL) Secured() bool { return (*u.parsed).option.TLSConfig != nil }

// NamesSentinels reports whether the URL's hosts are Sentinels.
func (u URL) NamesSentinels() bool { return (*u.parsed).option.Sentinel.MasterSet != "" }

// WithTLSFiles returns the URL with files for TLS.
func (u URL) WithTLSFiles(files TLSFiles) URL {
	with := **u.parsed
	with.dialer.files = files
	return urlOf(with)
}

// WithSentinelUser returns the URL with the user name and password for the Sentinels. Without them,
// a password of the URL that has no user is for the Sentinels too. Either may be empty.
func (u URL) WithSentinelUser(name, password string) URL {
	with := **u.parsed
	with.option.Sentinel.Username, with.option.Sentinel.Password = name, password
	return urlOf(with)
}

// Unverified reports whether another host could pass for the server: the URL requires TLS without
// verification of the certificate.
func (u URL) Unverified() bool {
	config := (*u.parsed).option.TLSConfig
	return config != nil && config.InsecureSkipVerify
}

// Format implements fmt.Formatter. It hides the URL for every verb.
func (URL) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[secret]") }

// dialer returns the dialer for the server.
func (u URL) dialer() dialer { return (*u.parsed).dialer }

// option returns the options of rueidis for the server.
func (u URL) option(timeout time.Duration) rueidis.ClientOption {
	option := (*u.parsed).option
	wait := max(connectTimeout, timeout)
	option.Dialer.Timeout, option.ConnWriteTimeout = wait, wait
	option.DisableCache = true // nothing that is read could be cached
	option.DisableRetry = true // deadlines are set here, and a grant must not be taken twice
	option.PipelineMultiplex = -1
	option.MaxFlushDelay = flushDelay
	option.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: clusterInterval,
		MaxMovedRedirections: 3}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TopologyRefreshInterval = sentinelInterval
		option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
		// A password without a user is for the whole installation, one with a user for the server.
		own := option.Sentinel.Username != "" || option.Sentinel.Password != ""
		if !own && option.Username == "" {
			option.Sentinel.Password = option.Password
		}
	}
	return option
}

// read parses a URL; fault is 0 if it is valid.
func read(text string) (parsed target, fault URLFault) {
	scheme, _, _ := strings.Cut(text, ":")
	secured, found := schemes[strings.ToLower(scheme)]
	if !found {
		return parsed, WrongScheme
	}
	// This comes first, because the text before the # may not be a valid URL.
	if strings.Contains(text, "#") {
		return parsed, Fragment
	}
	address, err := url.Parse(text)
	if err != nil {
		return parsed, NotAURL
	}
	if address.Hostname() == "" { // nor does an opaque URL have one
		return parsed, NoHost
	}
	option := &parsed.option
	parsed.dialer.first = address.Hostname()
	if secured {
		option.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	port := address.Port()
	if port == "" {
		port = defaultPort
	}
	if !isPort(port) {
		return parsed, WrongPort
	}
	option.InitAddress = []string{net.JoinHostPort(address.Hostname(), port)}
	option.Username = address.User.Username()
	option.Password, _ = address.User.Password()
	if database := strings.TrimPrefix(address.Path, "/"); database != "" {
		number, err := strconv.ParseUint(database, 10, 31)
		if err != nil {
			return parsed, WrongDatabase
		}
		option.SelectDB = int(number)
	}
	fault = readParameters(address.RawQuery, option)
	return parsed, fault
}

// readParameters parses the query into option. It returns 0 if it is valid.
func readParameters(query string, option *rueidis.ClientOption) URLFault {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return WrongParameter
	}
	for name, values := range parameters {
		switch name {
		case paramAddress:
			for _, address := range values {
				host, port, err := net.SplitHostPort(address)
				if err != nil || host == "" || !isPort(port) {
					return WrongAddress
				}
				option.InitAddress = append(option.InitAddress, net.JoinHostPort(host, port))
			}
		case paramMasterSet:
			if len(values) != 1 || values[0] == "" {
				return WrongParameter
			}
			option.Sentinel.MasterSet = values[0]
		case paramSkipVerify:
			if option.TLSConfig == nil {
				return NothingToVerify
			}
			skip, err := strconv.ParseBool(values[0])
			if len(values) != 1 || err != nil && values[0] != "" {
				return WrongParameter
			}
			// Without a value the parameter means true.
			option.TLSConfig.InsecureSkipVerify = skip || values[0] == ""
		default:
			return UnknownParameter
		}
	}
	return 0
}

func isPort(text string) bool {
	number, err := strconv.ParseUint(text, 10, 16)
	return err == nil && number > 0
}
