package sessionclient

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
)

// Config configures a Client. Sessions, AppVersion and Platform are required.
type Config struct {
	// Sessions is the base URL of sessiond. Like those in Application it must be https, or http to
	// the local machine (localhost, 127.0.0.0/8, ::1).
	Sessions string
	// Application has the URLs of the application. Requests to their origins (scheme, host and
	// port) get the session, and no others. It may be empty if only Token is used.
	Application []string
	// Storage keeps the session between runs, and shares it among processes. If it is nil, the
	// session is kept in memory.
	Storage Storage
	// InstallID identifies the installation, if the app has an identifier already. If it is empty,
	// the client creates one and keeps it in Storage.
	InstallID string
	// Key is the key of the device that sessions are bound to, so that they are of no use without
	// it. The install ID is its thumbprint then, and InstallID must be empty. The service must
	// accept bound sessions. If Key is nil, sessions are bearer tokens.
	Key Key
	// AppVersion and Platform describe the app to the service: 1 to 32 characters each.
	AppVersion, Platform string
	// Timeout bounds one exchange with sessiond. If it is 0, it is 10 seconds.
	Timeout time.Duration
	// MaxWait is how long one request may wait for a session in all, for responses of sessiond and
	// because sessiond asks to retry later. If it is 0, it is 150 seconds.
	MaxWait time.Duration
	// Transport sends the requests to sessiond. If it is nil, it is http.DefaultTransport.
	Transport http.RoundTripper
}

// The defaults of Config.
const (
	defaultTimeout = 10 * time.Second
	defaultMaxWait = 150 * time.Second
)

// The errors of New.
var (
	// ErrURL reports a base URL that is not an absolute http or https URL, or has a user, a
	// password, a query or a fragment, or with a Key a host that no proof can name, such as one
	// with a blank. It also reports a URL for Credentials without a host, or with a user.
	ErrURL = errors.New("sessionclient: a base URL must be http or https with a host, and without " +
		"user, password, query or fragment")
	// ErrHTTP reports a base URL with http to another machine.
	ErrHTTP = errors.New("sessionclient: a base URL must be https, unless it is this machine's")
	// ErrInstallID reports an InstallID that is not 8 to 128 characters, has control characters, or
	// is blank.
	ErrInstallID = errors.New("sessionclient: the install ID must be 8 to 128 characters, not " +
		"blank, without control characters")
	// ErrKeyInstallID reports that there is a Key as well as an InstallID.
	ErrKeyInstallID = errors.New("sessionclient: with a Key there must be no InstallID")
	// ErrApp reports an empty AppVersion or Platform.
	ErrApp = errors.New("sessionclient: AppVersion and Platform must be set")
	// ErrDuration reports a negative Timeout or MaxWait.
	ErrDuration = errors.New("sessionclient: Timeout and MaxWait must not be negative")
)

// issuePath is the path of sessiond that issues and renews sessions.
const issuePath = "v1/sessions/anonymous"

// New returns a Client. It sends and reads nothing yet. The error is ErrURL, ErrHTTP, ErrInstallID,
// ErrKeyInstallID, ErrApp or ErrDuration.
func New(config Config) (*Client, error) {
	base, err := config.base(config.Sessions)
	if err != nil {
		return nil, err
	}
	origins := map[string]bool{}
	for _, text := range config.Application {
		application, err := config.base(text)
		if err != nil {
			return nil, err
		}
		origins[originOf(application)] = true
	}
	switch {
	case config.InstallID != "" && !validInstallID(config.InstallID):
		return nil, ErrInstallID
	case config.InstallID != "" && config.Key != nil:
		return nil, ErrKeyInstallID
	case config.AppVersion == "" || config.Platform == "":
		return nil, ErrApp
	case config.Timeout < 0 || config.MaxWait < 0:
		return nil, ErrDuration
	}
	if config.Storage == nil {
		config.Storage = NewMemoryStorage()
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.MaxWait == 0 {
		config.MaxWait = defaultMaxWait
	}
	if config.Transport == nil {
		config.Transport = http.DefaultTransport
	}
	return &Client{
		config: config, endpoint: base.JoinPath(issuePath).String(), origins: origins,
		clock: newSystemClock(), turn: make(chan struct{}, 1),
		held: held{installID: config.InstallID},
	}, nil
}

// base parses a base URL. With a Key it must be one that a proof can name.
func (c Config) base(text string) (*url.URL, error) {
	parsed, err := parseBase(text)
	if err != nil || c.Key == nil {
		return parsed, err
	}
	if _, ok := proof.Normalize(uriOf(parsed, sentHost(parsed, ""))); !ok {
		return nil, ErrURL
	}
	return parsed, nil
}

func parseBase(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil ||
		strings.ContainsAny(text, "?#") { // even if nothing follows
		return nil, ErrURL
	}
	switch parsed.Scheme {
	case "https":
		return parsed, nil
	case "http":
		address, _ := netip.ParseAddr(parsed.Hostname())
		if strings.EqualFold(parsed.Hostname(), "localhost") || address.IsLoopback() {
			return parsed, nil
		}
		return nil, ErrHTTP
	}
	return nil, ErrURL
}

// originOf returns the origin of u (RFC 6454 §6.2), with the port even if it is the default. The
// zone of an address is a part of it, because it decides which machine is reached.
func originOf(u *url.URL) string {
	port := u.Port()
	scheme := strings.ToLower(u.Scheme)
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	host := u.Hostname()
	if !isASCII(host) {
		host = sentHost(u, host)
	}
	return scheme + "://" + strings.ToLower(host) + ":" + port
}

func validInstallID(text string) bool {
	_, violated := session.ParseInstallID(text)
	return violated == session.RuleNone
}
