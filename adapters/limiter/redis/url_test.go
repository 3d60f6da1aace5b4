package redis_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/limiter/redis"
)

func TestRejectsInvalidURLs(t *testing.T) {
	texts := map[string]redis.URLFault{}
	for url, fault := range map[string]redis.URLFault{
		"":                                       redis.WrongScheme,
		"localhost:6379":                         redis.WrongScheme,
		"http://:" + password + "@host":          redis.WrongScheme,
		"unix:///run/redis.sock":                 redis.WrongScheme,
		"redis://:" + password + "@host:port":    redis.NotAURL,
		"redis://:" + password + "%zz@host":      redis.NotAURL,
		"redis://:a/" + password + "@host":       redis.NotAURL,
		"redis://:" + password + "#a@host":       redis.Fragment,
		"redis://:" + password + "@host/1#a":     redis.Fragment,
		"redis:127.0.0.1:6379":                   redis.NoHost,
		"redis:" + password + "@host":            redis.NoHost,
		"redis:///0":                             redis.NoHost,
		"redis://:6379":                          redis.NoHost,
		"redis://:" + password + "@/0":           redis.NoHost,
		"redis://host:0":                         redis.WrongPort,
		"redis://host:65536":                     redis.WrongPort,
		"redis://:" + password + "@host/a/b":     redis.WrongDatabase,
		"redis://host/" + password:               redis.WrongDatabase,
		"redis://host/-1":                        redis.WrongDatabase,
		"redis://host/1/":                        redis.WrongDatabase,
		"redis://host//":                         redis.WrongDatabase,
		"redis://host/99999999999999999999":      redis.WrongDatabase,
		"redis://host?addr=b":                    redis.WrongAddress,
		"redis://host?addr=:6380":                redis.WrongAddress,
		"redis://host?addr=b:0":                  redis.WrongAddress,
		"redis://host?addr=":                     redis.WrongAddress,
		"redis://host?skip_verify=true":          redis.NothingToVerify,
		"valkey://host?skip_verify=true":         redis.NothingToVerify,
		"valkeyss://host":                        redis.WrongScheme,
		"rediss://host?skip_verify=" + password:  redis.WrongParameter,
		"redis://host?master_set=":               redis.WrongParameter,
		"redis://host?master_set=a&master_set=b": redis.WrongParameter,
		"redis://host?master_set=a;addr=b:1":     redis.WrongParameter,
		"redis://host?db=" + password:            redis.UnknownParameter,
		"redis://host?dial_timeout=1h":           redis.UnknownParameter,
		"redis://host?write_timeout=1h":          redis.UnknownParameter,
		"redis://host?" + password:               redis.UnknownParameter,
	} {
		_, err := redis.ParseURL(url)
		var wrong *redis.URLError
		require.ErrorAs(t, err, &wrong, url)
		assert.Equal(t, fault, wrong.Fault, url)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), password)
		texts[fault.String()] = fault
	}
	assert.Len(t, texts, int(redis.UnknownParameter), "each fault has a text of its own")
	assert.NotContains(t, texts, "unknown")
}

func TestAcceptsValidURLs(t *testing.T) {
	for url, unverified := range map[string]bool{
		"redis://host": false, "redis://host/": false, "redis://[::1]:6379/2": false,
		"redis://[::1]":                              false,
		"redis://user:" + password + "@host":         false,
		"rediss://user:" + password + "@host:6380/3": false,
		"REDIS://:" + password + "@host":             false,
		"valkey://host":                              false, "valkeys://host": false, "valkeys://host?skip_verify": true,
		"redis://a:1?addr=b:2&addr=[::1]:3":     false,
		"redis://a:1/?addr=b:2&master_set=main": false,
		"redis://:a%23%2F%40@host":              false,
		"rediss://host?skip_verify=true":        true, "rediss://host?skip_verify": true,
		"rediss://host?skip_verify=false": false,
	} {
		parsed, err := redis.ParseURL(url)
		require.NoError(t, err, url)
		assert.Equal(t, unverified, parsed.Unverified(), url)
	}
}

// TestURLIsNeverShown formats a URL by itself, and where fmt calls none of its methods.
func TestURLIsNeverShown(t *testing.T) {
	url, err := redis.ParseURL("rediss://user:" + password + "@host?addr=other:1&master_set=main")
	require.NoError(t, err)
	hidden := struct{ url redis.URL }{url}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p", "%z"} {
		for _, value := range []any{url, &url, hidden, &hidden, []redis.URL{url}} {
			text := fmt.Sprintf(verb, value)
			assert.NotContains(t, text, password, verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", password), verb)
			assert.NotContains(t, text, "other", verb)
		}
	}
	encoded, err := json.Marshal(struct{ URL redis.URL }{url})
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), password)
}
