package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Sources are where values come from, besides the files that they name.
type Sources struct {
	// Flags are the parsed flags that AddFlags added; nil: none.
	Flags *pflag.FlagSet
	// Environ is the environment, as os.Environ tells it.
	Environ []string
	// Random draws n bytes that nobody can guess, for keys that are made up.
	Random func(n int) []byte
	// Now is when the configuration is judged, for keys that come and go.
	Now time.Time
	// BuildVersion is the build's own version.
	BuildVersion string
}

// flagConfig is the flag that names the configuration file.
const flagConfig = "config"

// AddFlags adds the flag --config, and one for each variable that is no secret: a process list would show it.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(flagConfig, "",
		"YAML file whose keys are the variables' names in lower case without OFFLOAD_; empty: none")
	for _, v := range table {
		if !v.secret() {
			flags.String(v.flag(), v.preset, v.usage())
		}
	}
}

// given is what a source says of one variable. Its fields are exported for koanf, which copies values.
type given struct {
	// Text is the value, or the name of the file that holds it.
	Text   string
	ByFile bool
	Origin string
	// Problem is why no value can be had; empty where one can.
	Problem, Remedy string
	// Told is true where that has been told already.
	Told bool
}

// unusable tells whether the source gives the variable, and no value for it.
func (g given) unusable() bool { return g.Problem != "" || g.Told }

// The origins that are the same for every variable.
const (
	originDefault     = "default"
	originEnvironment = "environment"
)

// source is one source as it was read: what it says of known names, which are the variables' and the same with _FILE, and the names that nobody
// knows, as they stand in it.
type source struct {
	origin  string
	spell   func(name string) string // a variable's name as it is written in this source
	known   map[string]given
	unknown []string
	also    []string // names besides the variables' that mean something in this source
}

// gathering reads all sources into one, the later over the earlier.
type gathering struct {
	Sources
	*findings
	merged *koanf.Koanf
	// config is how the configuration file was named; empty where there is none.
	config given
	// secretFile is the configuration file where it holds a secret itself; its mode is judged once the environment is known.
	secretFile *exposable
}

// exposable is a file with the origin of the values in it.
type exposable struct {
	file
	origin string
}

// gather reads defaults, configuration file, environment and flags.
func (g *gathering) gather() {
	g.merged = koanf.New(".")
	g.load(confmap.Provider(g.defaults(), ""))
	environ, config := g.environ()
	g.load(confmap.Provider(g.configFile(config), ""))
	g.load(confmap.Provider(environ, ""))
	if g.Flags != nil {
		g.load(posflag.ProviderWithFlag(g.Flags, "", nil, flagGiven))
	}
}

// load adds a source. A provider of a map that is there already cannot fail.
func (g *gathering) load(source koanf.Provider) {
	if err := g.merged.Load(source, nil); err != nil {
		panic("config: " + err.Error())
	}
}

// of is what the last source says that says anything of a variable.
func (g *gathering) of(name string) (given, bool) {
	found, ok := g.merged.Get(name).(given)
	return found, ok
}

func (g *gathering) defaults() map[string]any {
	values := map[string]any{}
	for _, v := range table {
		if !v.optional {
			values[v.name] = given{Text: v.preset, Origin: originDefault}
		}
	}
	values[varBuildVersion] = given{Text: g.BuildVersion, Origin: originDefault}
	return values
}

// flagGiven takes a flag that was set; posflag passes over the others.
func flagGiven(flag *pflag.Flag) (string, any) {
	for _, v := range table {
		if !v.secret() && v.flag() == flag.Name {
			if v.unsetByNothing() && flag.Value.String() == "" {
				return "", nil
			}
			return v.name, given{Text: flag.Value.String(), Origin: "flag --" + flag.Name}
		}
	}
	return "", nil
}

// environ takes the variables of the environment, and what it says of the configuration file.
func (g *gathering) environ() (values map[string]any, config given) {
	raw, err := env.Provider("", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return g.Environ },
		TransformFunc: func(name, value string) (string, any) {
			return name, given{Text: value, Origin: originEnvironment}
		},
	}).Read()
	if err != nil {
		panic("config: " + err.Error()) // it reads a list that is there already
	}
	s := source{origin: originEnvironment, spell: func(name string) string {
		return name
	}, known: map[string]given{}, also: []string{varConfigFile}}
	for name, value := range raw {
		switch value := value.(given); {
		case name == varConfigFile:
			config = value
		case known(name):
			s.known[name] = value
		default:
			s.unknown = append(s.unknown, name)
		}
	}
	g.warnOfUnknown(s)
	return g.pair(s), config
}

// configFile takes the variables of the configuration file, which a flag names before the environment does.
func (g *gathering) configFile(named given) map[string]any {
	if g.Flags != nil {
		if flag := g.Flags.Lookup(flagConfig); flag != nil && flag.Changed &&
			flag.Value.String() != "" {
			named = given{Text: flag.Value.String(), Origin: "flag --" + flagConfig}
		}
	}
	if named.Text == "" {
		return nil
	}
	g.config = named
	read, err := readFile(named.Text, maxFile)
	if err != nil {
		problem, remedy := fileProblem(err, maxFile)
		g.fault(varConfigFile, named.Origin, "names the file "+shown(named.Text)+", which "+problem,
			remedy)
		return nil
	}
	s := source{origin: "file " + shown(named.Text), spell: short, known: map[string]given{}}
	list, flaws := parseYAML(read.content)
	for _, flaw := range flaws {
		problem := flaw.problem
		if flaw.line > 0 {
			problem = fmt.Sprintf("line %d: %s", flaw.line, problem)
		}
		g.fault(varConfigFile, s.origin, problem,
			"write one mapping from names, each once, to values")
	}
	for _, m := range list {
		name := prefix + strings.ToUpper(m.key)
		if m.key != strings.ToLower(m.key) || !known(name) {
			s.unknown = append(s.unknown, m.key)
			continue
		}
		value := given{Text: m.text, Origin: s.origin, Told: m.flawed}
		v, named := lookup(name)
		if named && v.secret() && m.text != "" {
			g.secretFile = &exposable{read, s.origin}
		}
		if !m.flawed && !m.form.fits(v) {
			value.Problem, value.Remedy = "is not a single value there", "write a single value"
		}
		s.known[name] = value
	}
	g.warnOfUnknown(s)
	return g.pair(s)
}

// fits tells whether v may have a value of that form. The zero variable, which stands for the name of a file, is single.
func (f form) fits(v variable) bool {
	switch f {
	case formText:
		return true
	case formList:
		return v.kind != nil && v.list()
	case formMapping:
		return v.name == varSigningKeys
	case formOther:
	}
	return false
}

// pair takes what one source says of each variable, be it the value or the file that holds it; both is a fault.
func (g *gathering) pair(s source) map[string]any {
	values := map[string]any{}
	for _, v := range table {
		plain, isPlain := s.known[v.name]
		byFile, isByFile := s.known[v.name+fileSuffix]
		isPlain = isPlain && (plain.Text != "" || plain.unusable() || !v.unsetByNothing())
		isByFile = isByFile && (byFile.Text != "" || byFile.unusable())
		by := "by " + s.spell(v.name+fileSuffix)
		switch {
		case isPlain && isByFile:
			g.fault(v.name, s.origin, "is given both as a value and "+by, "give one of the two")
			plain.Told = true
			values[v.name] = plain
		case isPlain:
			values[v.name] = plain
		case isByFile:
			byFile.ByFile, byFile.Origin = true, s.origin+", "+by
			values[v.name] = byFile
		}
	}
	return values
}
