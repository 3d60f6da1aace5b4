package strict_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/strict"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "abd", 1},
		{"abc", "ab", 1}, {"abc", "xabc", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3},
		{"ab", "ba", 1},
	} {
		assert.Equal(t, c.want, strict.Distance(c.a, c.b), "%s %s", c.a, c.b)
		assert.Equal(t, c.want, strict.Distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}
