package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compareDockerfile compares the last stage of the Dockerfile with the image that make image
// builds. No test builds it: that needs a container tool, and a base that is pulled.
func compareDockerfile(t *testing.T, config v1.Config) {
	t.Helper()
	text, err := os.ReadFile(examples + "image/Dockerfile")
	require.NoError(t, err)
	_, last, found := strings.Cut(string(text), "\nFROM scratch\n")
	require.True(t, found)
	entry, err := json.Marshal(config.Entrypoint)
	require.NoError(t, err)
	check := config.Healthcheck
	asked, err := json.Marshal(check.Test[1:])
	require.NoError(t, err)
	wanted := []string{"ARG VERSION=dev", "COPY --from=build /image /", "USER " + config.User,
		"STOPSIGNAL " + config.StopSignal, "ENTRYPOINT " + string(entry),
		fmt.Sprintf("HEALTHCHECK --interval=%.0fs --timeout=%.0fs --start-period=%.0fs --retries=%d CMD %s",
			check.Interval.Seconds(), check.Timeout.Seconds(), check.StartPeriod.Seconds(),
			check.Retries, strings.ReplaceAll(string(asked), ",", ", ")),
		"LABEL org.opencontainers.image.version=$VERSION"}
	for _, line := range config.Env {
		wanted = append(wanted, "ENV "+line)
	}
	for port := range config.ExposedPorts {
		wanted = append(wanted, "EXPOSE "+port)
	}
	for name, value := range config.Labels {
		if name != "org.opencontainers.image.version" {
			wanted = append(wanted, "LABEL "+name+"="+value)
		}
	}
	assert.ElementsMatch(t, wanted, strings.Split(strings.TrimSpace(last), "\n"))
}
