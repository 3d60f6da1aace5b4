package redis

import (
	"crypto/tls"
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

// parse converts a URL into an option of rueidis. Its errors contain nothing of the URL.
func parse(text string, timeout time.Duration) (rueidis.ClientOption, error) {
	option, fault := read(text)
	if fault != 0 {
		return rueidis.ClientOption{}, &URLError{Fault: fault}
	}
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
	return option, nil
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
