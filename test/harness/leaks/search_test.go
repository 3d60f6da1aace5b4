package leaks

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSearchFindsEveryForm(t *testing.T) {
	t.Parallel()
	const id = "install-ключ/12345"
	for n, place := range []string{
		id, "x" + id + "x", url.QueryEscape(id), url.PathEscape("/" + id), percent("xy" + id),
		hex.EncodeToString([]byte("x" + id)),
		base64.StdEncoding.EncodeToString([]byte(id)),
		base64.URLEncoding.EncodeToString([]byte("x" + id)),
		base64.StdEncoding.EncodeToString([]byte(`{"x":"` + id + `"}`)),
		base64.StdEncoding.EncodeToString([]byte("{\"xy\":\"" + id)),
		strconv.QuoteToASCII(id),
	} {
		assert.NotEmpty(t, (&Search{map[string]string{"id": id},
			map[string]string{"place": place}}).Found(), "%d: %s", n, place)
	}
	assert.Empty(t, (&Search{map[string]string{"id": id},
		map[string]string{"place": "install-ключ/12344"}}).Found())
}
