package deploy

import (
	"os"
	"path/filepath"
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
	require.Len(t, paths, 8)
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
