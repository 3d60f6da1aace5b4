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

// The parameters of a URL; there are no others.
const (
	paramAddress    = "addr"        // a further host and port; any number of them
	paramMasterSet  = "master_set"  // what Sentinel calls the master; the hosts are then Sentinels
	paramSkipVerify = "skip_verify" // of rediss: the server's certificate is not checked
)

const defaultPort = "6379"

// parse makes rueidis's option of a URL. Nothing of the URL is ever in the error.
func parse(text string, timeout time.Duration) (rueidis.ClientOption, error) {
	option, fault := read(text)
	if fault != 0 {
		return rueidis.ClientOption{}, &URLError{Fault: fault}
	}
	patience := max(connecting, timeout)
	option.Dialer.Timeout, option.ConnWriteTimeout = patience, patience
	option.DisableCache = true // nothing is read that could be kept here
	option.DisableRetry = true // the deadline is ours, and a grant is not to be taken twice
	option.PipelineMultiplex = -1
	option.MaxFlushDelay = gather
	option.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: clusterInterval,
		MaxMovedRedirections: 3}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TopologyRefreshInterval = sentinelInterval
		option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
		if option.Username == "" { // a password without a user is the installation's, a user's is the server's alone
			option.Sentinel.Password = option.Password
		}
	}
	return option, nil
}

// read reads what a URL says; the fault is 0 where it has none.
func read(text string) (option rueidis.ClientOption, fault URLFault) {
	scheme, _, _ := strings.Cut(text, ":")
	secured := strings.EqualFold(scheme, "rediss")
	if !secured && !strings.EqualFold(scheme, "redis") {
		return option, WrongScheme
	}
	if strings.Contains(text, "#") { // looked for first: what stands before it may be no URL by itself
		return option, Fragment
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return option, NotAURL
	}
	if parsed.Hostname() == "" { // an opaque one has none either
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

// readParameters reads what stands behind the question mark.
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
			option.TLSConfig.InsecureSkipVerify = skip || values[0] == "" // the word alone is a yes
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
