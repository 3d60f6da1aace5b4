package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOpsHosts(t *testing.T) {
	const variable = "OFFLOAD_OPS_HOSTS"
	for given, want := range map[string][]string{
		"": nil, "ops": {"ops"}, "Ops.Example.com.": {"ops.example.com"},
		"a-b.c_d.example, x": {"a-b.c_d.example", "x"}, "192.0.2.1": {"192.0.2.1"},
		"xn--bcher-kva.example": {"xn--bcher-kva.example"}, "[::1]": {"[::1]"},
		"a-name-of-more-than-thirty-two-characters.example": {
			"a-name-of-more-than-thirty-two-characters.example"},
	} {
		review := load(t, production(variable+"="+given))
		assertFindings(t, nil, review.Faults)
		assert.Equal(t, want, review.Config.OpsHosts, given)
	}
	for _, given := range []string{"*", "*.example.com", "http://ops.example.com",
		"ops.example.com:9090", "ops.example.com/", "a b", "-a", "a-", "a..b", ".", ".a", "b\u00fccher",
		"<script>", "192.0.2.0/24", "[::1]:9090"} {
		assertFindings(t, []finding{{variable, "environment", "entry 2 is not a host name"}},
			load(t, production(variable+"=ops,"+given)).Faults)
	}
}
