package deploy

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// TestTracesAreAnOptIn removes the comment signs that the page names, and compares the collector
// of the pods with the one that they may reach. Without these lines, they reach none.
func TestTracesAreAnOptIn(t *testing.T) {
	settings, egress := egressOf(t, func(text string) string { return text })
	assert.NotContains(t, settings, "OTEL_EXPORTER_OTLP_ENDPOINT")
	assert.NotContains(t, egress, int32(4318))

	settings, egress = egressOf(t, func(text string) string {
		return regexp.MustCompile(`# (- (?:networkpolicy-traces|OTEL_))`).ReplaceAllString(text, "$1")
	})
	assert.Contains(t, egress, int32(4318))
	require.Contains(t, settings, "OTEL_EXPORTER_OTLP_ENDPOINT")
	endpoint, err := url.Parse(settings["OTEL_EXPORTER_OTLP_ENDPOINT"])
	require.NoError(t, err)
	assert.Equal(t, "4318", endpoint.Port())
	assert.Equal(t, egress[4318], strings.Split(endpoint.Hostname(), ".")[1], "the namespace")
}

// egressOf builds the manifests with a changed kustomization, and returns the settings of the pods,
// and the namespaces that they reach, by port; "" for their own.
func egressOf(t *testing.T, change func(string) string) (settings map[string]string,
	egress map[int32]string) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(manifests)))
	path := filepath.Join(folder, "kustomization.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(change(string(text))), 0o600))
	built, err := krusty.MakeKustomizer(&krusty.Options{
		LoadRestrictions: types.LoadRestrictionsRootOnly, PluginConfig: types.DisabledPluginConfig(),
	}).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	pod := labels.Set(build(t).deployment.Spec.Template.Labels)
	egress = map[int32]string{}
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		switch resource.GetKind() {
		case "ConfigMap":
			var found corev1.ConfigMap
			require.NoError(t, yaml.UnmarshalStrict(text, &found))
			settings = found.Data
		case "NetworkPolicy":
			var found networkingv1.NetworkPolicy
			require.NoError(t, yaml.UnmarshalStrict(text, &found))
			assert.True(t, labels.SelectorFromSet(found.Spec.PodSelector.MatchLabels).Matches(pod))
			for _, rule := range found.Spec.Egress {
				namespace := ""
				if selected := rule.To[0].NamespaceSelector; selected != nil {
					namespace = selected.MatchLabels["kubernetes.io/metadata.name"]
				}
				for _, port := range rule.Ports {
					egress[port.Port.IntVal] = namespace
				}
			}
		}
	}
	return settings, egress
}
