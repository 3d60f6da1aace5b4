package deploy

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/harness/redisserver"
)

const manifests = examples + "kubernetes"

// cluster holds what the kustomization makes, one object of each kind.
type cluster struct {
	namespace  corev1.Namespace
	account    corev1.ServiceAccount
	deployment appsv1.Deployment
	service    corev1.Service
	budget     policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
	settings   corev1.ConfigMap
}

// build builds the kustomization with the library of kustomize, and decodes each object strictly:
// an unknown or repeated member, or a value of another type, is an error.
func build(t *testing.T) *cluster {
	t.Helper()
	built, err := krusty.MakeKustomizer(&krusty.Options{
		LoadRestrictions: types.LoadRestrictionsRootOnly, PluginConfig: types.DisabledPluginConfig(),
	}).Run(filesys.MakeFsOnDisk(), manifests)
	require.NoError(t, err)
	found := &cluster{}
	kinds := map[string]any{"Namespace": &found.namespace, "ServiceAccount": &found.account,
		"Deployment": &found.deployment, "Service": &found.service,
		"PodDisruptionBudget": &found.budget, "NetworkPolicy": &found.network,
		"ConfigMap": &found.settings}
	for _, resource := range built.Resources() {
		into := kinds[resource.GetKind()]
		require.NotNil(t, into, "%s is of no known kind, or the second of its kind", resource.CurId())
		delete(kinds, resource.GetKind())
		text, err := resource.AsYAML()
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalStrict(text, into), "%s", resource.CurId())
	}
	require.Empty(t, kinds, "kinds that are missing")
	return found
}

// TestManifestsAreStrict decodes the files themselves too: kustomize drops what is repeated.
func TestManifestsAreStrict(t *testing.T) {
	found := build(t)
	paths, err := filepath.Glob(manifests + "/*.yaml")
	require.NoError(t, err)
	require.Len(t, paths, 7)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var object map[string]any
		if filepath.Base(path) == "kustomization.yaml" {
			require.NoError(t, yaml.UnmarshalStrict(text, &types.Kustomization{}), path)
		} else {
			require.NoError(t, yaml.UnmarshalStrict(text, &object), path)
		}
	}
	for _, object := range []metav1.Object{&found.account, &found.deployment, &found.service,
		&found.budget, &found.network, &found.settings} {
		assert.Equal(t, found.namespace.Name, object.GetNamespace(), object.GetName())
	}
}

// TestSelectorsFitThePods checks what no schema can: that the objects mean the same pods and ports.
func TestSelectorsFitThePods(t *testing.T) {
	found := build(t)
	template := found.deployment.Spec.Template
	pod := labels.Set(template.Labels)
	selectors := []*metav1.LabelSelector{found.deployment.Spec.Selector, found.budget.Spec.Selector,
		&found.network.Spec.PodSelector, {MatchLabels: found.service.Spec.Selector}}
	for _, spread := range template.Spec.TopologySpreadConstraints {
		selectors = append(selectors, spread.LabelSelector)
	}
	require.Len(t, selectors, 6)
	for i, selector := range selectors {
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		require.NoError(t, err)
		assert.False(t, parsed.Empty(), "selector %d selects everything", i)
		assert.True(t, parsed.Matches(pod), "selector %d: %s", i, parsed)
	}
	redis := found.network.Spec.Egress[0].To[0].PodSelector.MatchLabels
	assert.False(t, labels.SelectorFromSet(redis).Matches(pod), "the policy names Redis itself")

	container := template.Spec.Containers[0]
	ports := map[intstr.IntOrString]bool{}
	for _, port := range container.Ports {
		ports[intstr.FromString(port.Name)] = true
	}
	assert.True(t, ports[found.service.Spec.Ports[0].TargetPort])
	for _, rule := range found.network.Spec.Ingress {
		assert.True(t, ports[*rule.Ports[0].Port])
	}
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe,
		container.ReadinessProbe} {
		assert.True(t, ports[probe.HTTPGet.Port])
	}
	volumes := map[string]*corev1.SecretVolumeSource{}
	for _, volume := range template.Spec.Volumes {
		volumes[volume.Name] = volume.Secret
	}
	for _, mount := range container.VolumeMounts {
		require.NotNil(t, volumes[mount.Name], mount.Name)
		assert.Empty(t, mount.SubPath, "a rotation would not reach the pod")
		assert.EqualValues(t, 0o440, *volumes[mount.Name].DefaultMode)
	}
	assert.Equal(t, found.settings.Name, container.EnvFrom[0].ConfigMapRef.Name)
	assert.Less(t, int64(10+15), *template.Spec.TerminationGracePeriodSeconds)
	assert.Less(t, found.budget.Spec.MaxUnavailable.IntValue(), int(*found.deployment.Spec.Replicas))
}

// TestPodsAreRestricted asks the library behind the API server's admission, with the level and the
// version that the namespace enforces.
func TestPodsAreRestricted(t *testing.T) {
	found := build(t)
	level, err := api.ParseLevel(found.namespace.Labels[api.EnforceLevelLabel])
	require.NoError(t, err)
	assert.Equal(t, api.LevelRestricted, level)
	version, err := api.ParseVersion(found.namespace.Labels[api.EnforceVersionLabel])
	require.NoError(t, err)
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	template := found.deployment.Spec.Template
	evaluate := func() policy.AggregateCheckResult {
		return policy.AggregateCheckResults(evaluator.EvaluatePod(
			api.LevelVersion{Level: level, Version: version}, &template.ObjectMeta, &template.Spec))
	}
	result := evaluate()
	assert.True(t, result.Allowed, result.ForbiddenDetail())
	template.Spec.Containers[0].SecurityContext.Capabilities = nil
	assert.False(t, evaluate().Allowed, "the check itself")
}

// TestManifestsServe starts the service with the environment of the pods, and with their volumes as
// the kubelet writes them, and asks what the probes ask. Redis and the ports are the test's.
func TestManifestsServe(t *testing.T) {
	found := build(t)
	redis := redisserver.Start(t)
	volumes := t.TempDir()
	env := harness.Env(found.settings.Data)
	require.Equal(t, ":9090", env["OFFLOAD_OPS_ADDR"])
	require.True(t, strings.HasPrefix(env["OFFLOAD_REDIS_URL"], "redis://redis.sessiond.svc:6379"))
	container := found.deployment.Spec.Template.Spec.Containers[0]
	for _, mount := range container.VolumeMounts {
		require.NoError(t, os.MkdirAll(filepath.Join(volumes, mount.MountPath), 0o755))
	}
	for variable, content := range map[string][]byte{
		"OFFLOAD_SESSION_KEYSET_FILE":     createKeyset(t),
		"OFFLOAD_LIMITER_DIGEST_KEY_FILE": []byte(digestKey),
	} {
		path := filepath.Join(volumes, env[variable])
		// The kubelet links the file to a folder, which it swaps to change the content.
		hidden := filepath.Join(filepath.Dir(path), "..2026")
		require.NoError(t, os.Mkdir(hidden, 0o755))
		require.NoError(t, os.Symlink("..2026", filepath.Join(filepath.Dir(path), "..data")))
		require.NoError(t, os.WriteFile(filepath.Join(hidden, filepath.Base(path)), content, 0o440))
		require.NoError(t, os.Symlink("..data/"+filepath.Base(path), path))
		env[variable] = path
	}
	process := harness.StartSharing(t, env.With(harness.Env{"OFFLOAD_REDIS_URL": redis.URL(),
		"OFFLOAD_HTTP_ADDR": ":0", "OFFLOAD_OPS_ADDR": ":0", "OFFLOAD_SHUTDOWN_DELAY_SECONDS": "0"}))
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe,
		container.ReadinessProbe} {
		assert.Equal(t, http.StatusOK,
			process.Operations(t, http.MethodGet, probe.HTTPGet.Path).Status)
	}
	process.Issue(t, "install-12345")
	for _, warning := range process.Log.Of("configuration_warning") {
		// Beyond loopback, as the probes need it; the network policy bounds who reaches it.
		assert.Equal(t, "OFFLOAD_OPS_ADDR", warning.String("variable"), warning.Text)
	}
	assert.Zero(t, process.Stop(t))
}
