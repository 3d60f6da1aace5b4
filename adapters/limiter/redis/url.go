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
	paramSkipVerify = "skip_verify" // of rediss: the server's certificate is not verified
)

const defaultPort = "6379"

// URL is a valid URL of a server, parsed. It contains passwords, so no formatting shows it. Its
// zero value names no server.
type URL struct {
	// This is a pointer to a pointer because fmt calls no methods of a value in an unexported
	// field. It then prints all fields, and under some verbs even what a pointer to a struct points
	// to.
	parsed **rueidis.ClientOption
}

// ParseURL parses the URL of a server: redis:// or rediss:// with the parameters above. It fails
// with a *URLError, which contains nothing of the URL.
func ParseURL(text string) (URL, error) {
	option, fault := read(text)
	if fault != 0 {
		return URL{}, &URLError{Fault: fault}
	}
	parsed := &option
	return URL{parsed: &parsed}, nil
}

// Unverified reports whether another host could pass for the server: the URL asks for TLS without
// verification of the certificate.
func (u URL) Unverified() bool {
	config := (*u.parsed).TLSConfig
	return config != nil && config.InsecureSkipVerify
}

// Format implements fmt.Formatter. It hides the URL for every verb.
func (URL) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "[secret]") }

// option returns the option of rueidis for the server.
func (u URL) option(timeout time.Duration) rueidis.ClientOption {
	option := **u.parsed
	wait := max(connecting, timeout)
	option.Dialer.Timeout, option.ConnWriteTimeout = wait, wait
	option.DisableCache = true // nothing that is read could be cached
	option.DisableRetry = true // deadlines are set here, and a grant must not be taken twice
	option.PipelineMultiplex = -1
	option.MaxFlushDelay = gather
	option.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: clusterInterval,
		MaxMovedRedirections: 3}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TopologyRefreshInterval = sentinelInterval
		option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
		// A password without a user is for the whole installation, one with a user for the server.
		if option.Username == "" {
			option.Sentinel.Password = option.Password
		}
	}
	return option
}

// read parses a URL; fault is 0 where it is valid.
func read(text string) (option rueidis.ClientOption, fault URLFault) {
	scheme, _, _ := strings.Cut(text, ":")
	secured := strings.EqualFold(scheme, "rediss")
	if !secured && !strings.EqualFold(scheme, "redis") {
		return option, WrongScheme
	}
	// This comes first, because the text before the # may not be a valid URL.
	if strings.Contains(text, "#") {
		return option, Fragment
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return option, NotAURL
	}
	if parsed.Hostname() == "" { // nor does an opaque URL have one
		return option, NoHost
	}
	if secured {
		option.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: parsed.Hostname()}
	}
	port := parsed.Port()
	if port == "" {
		port = defaultPort
	}
	if !isPort(port) {
		return option, WrongPort
	}
	option.InitAddress = []string{net.JoinHostPort(parsed.Hostname(), port)}
	option.Username = parsed.User.Username()
	option.Password, _ = parsed.User.Password()
	if database := strings.TrimPrefix(parsed.Path, "/"); database != "" {
		number, err := strconv.ParseUint(database, 10, 31)
		if err != nil {
			return option, WrongDatabase
		}
		option.SelectDB = int(number)
	}
	fault = readParameters(parsed.RawQuery, &option)
	return option, fault
}

// readParameters parses the query.
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
