package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/offload/sessiond/adapters/system/capacity"
	"github.com/offload/sessiond/adapters/system/securefile"
)

// Sources holds the sources of values, except the files that they name.
type Sources struct {
	// Flags holds the parsed flags that AddFlags added; nil for none.
	Flags *pflag.FlagSet
	// Environ is the environment in the form of os.Environ.
	Environ []string
	// Random returns n unpredictable bytes, for generated keys.
	Random func(n int) []byte
	// Now is the time at which the keys and the certificate are checked.
	Now time.Time
	// Capacity is what the machine allows the process; the zero value is for no limits.
	Capacity capacity.Capacity
	// BuildVersion is the version of the build.
	BuildVersion string
	// Inherited is the socket that the service manager passed.
	Inherited Inherited
}

// rawValue is the value of one variable in one source.
type rawValue struct {
	// Text is the value, or the name of the file that holds it if ByFile is true.
	Text   string
	ByFile bool
	Origin string
	// Problem says why there is no usable value; empty if there is one.
	Problem, Remedy string
	// Reported is true if the problem has been reported already.
	Reported bool
}

// unusable reports whether the source has the variable, but no usable value for it.
func (v rawValue) unusable() bool { return v.Problem != "" || v.Reported }

// The origins that are the same for every variable.
const (
	originDefault     = "default"
	originEnvironment = "environment"
	originInherited   = "socket of systemd"
)

// source holds what was read from one source.
type source struct {
	origin   string
	format   func(name string) string // returns the name of a variable as written in this source
	known    map[string]rawValue      // by name in upper case, with or without _FILE
	written  map[string]string        // the known names as written
	unknown  []string                 // as written
	misspelt map[string]string        // names without the prefix, with those that they probably stand for
	groups   map[string]bool          // unknown names that stand for a mapping
	extra    []string                 // names other than variables that are valid in this source
}

// newSource returns an empty source.
func newSource(origin string, format func(string) string, extra ...string) *source {
	return &source{origin: origin, format: format, extra: extra,
		known: map[string]rawValue{}, written: map[string]string{}, misspelt: map[string]string{},
		groups: map[string]bool{}}
}

// loader merges all sources. Values of later sources override those of earlier ones.
type loader struct {
	Sources
	*findings
	merged  map[string]rawValue // by variable
	sources []*source           // in the order in which they were read
	// config is the name of the configuration file and its origin; empty if there is none.
	config rawValue
	// secretFile is the configuration file if it contains a secret; nil otherwise. Its mode is
	// checked once the environment is known.
	secretFile *sourceFile
}

// sourceFile is a file with the origin of the values in it.
type sourceFile struct {
	*securefile.File
	origin string
}

// load reads the defaults, the configuration file, the environment, the flags and the inherited
// socket.
func (l *loader) load() {
	l.merged = l.defaults()
	environ, config := l.environ()
	maps.Copy(l.merged, l.configFile(config))
	maps.Copy(l.merged, environ)
	maps.Copy(l.merged, l.flags())
	if l.Inherited != (Inherited{}) {
		l.inherit()
	}
}

// value returns the value of a variable in the last source that has it.
func (l *loader) value(name string) (rawValue, bool) {
	found, ok := l.merged[name]
	return found, ok
}

// defaults returns the defaults of the table, and the version of the build.
func (l *loader) defaults() map[string]rawValue {
	values := map[string]rawValue{}
	for _, v := range table {
		if !v.optional {
			values[v.name] = rawValue{Text: v.preset, Origin: originDefault}
		}
	}
	values[varBuildVersion] = rawValue{Text: l.BuildVersion, Origin: originDefault}
	return values
}

// flags returns the values of the flags that were set.
func (l *loader) flags() map[string]rawValue {
	if l.Flags == nil {
		return nil
	}
	values := map[string]rawValue{}
	for _, v := range table {
		flag := l.Flags.Lookup(v.flag)
		if v.secret() || flag == nil || !flag.Changed {
			continue
		}
		if text := flag.Value.String(); text != "" || !v.emptyIsUnset() {
			values[v.name] = rawValue{Text: text, Origin: "flag --" + flag.Name}
		}
	}
	return values
}

// environ returns the variables of the environment, and the configuration file that it names.
func (l *loader) environ() (values map[string]rawValue, config rawValue) {
	s := newSource(originEnvironment, func(name string) string { return name }, VarConfigFile)
	texts := map[string]string{}
	for _, entry := range l.Environ {
		name, text, found := strings.Cut(entry, "=")
		if found && len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			texts[name] = text
		} else if meant := intendedName(name); found && meant != "" {
			s.misspelt[name] = meant
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		l.enter(s, name, name, rawValue{Text: texts[name], Origin: originEnvironment})
	}
	config = s.known[VarConfigFile]
	return l.pair(s), config
}

// configFile returns the variables of the configuration file. A flag that names the file overrides
// the environment.
func (l *loader) configFile(named rawValue) map[string]rawValue {
	if l.Flags != nil {
		if flag := l.Flags.Lookup(FlagConfig); flag != nil && flag.Changed &&
			flag.Value.String() != "" {
			named = rawValue{Text: flag.Value.String(), Origin: "flag --" + FlagConfig}
		}
	}
	if named.Text == "" {
		return nil
	}
	l.config = named
	read, fault := readFile(named.Text, maxFile)
	if fault != nil {
		l.fault(VarConfigFile, named.Origin,
			"names the file "+ShownPath(named.Text)+", which "+fault.Error(),
			fileRemedy(named.Text, fault.Remedy))
		return nil
	}
	s := newSource("file "+ShownPath(named.Text), short)
	list, flaws := parseYAML(withoutBOM(read.Content))
	if strings.TrimSpace(string(read.Content)) == "" {
		l.warn(VarConfigFile, named.Origin, "names the file "+ShownPath(named.Text)+
			", which is empty", "fill the file, or do not name it")
	}
	for _, flaw := range flaws {
		problem := flaw.problem
		if flaw.line > 0 {
			problem = fmt.Sprintf("line %d: %s", flaw.line, problem)
		}
		l.fault(VarConfigFile, s.origin, problem, flaw.remedy)
	}
	for _, m := range list {
		name := prefix + strings.ToUpper(m.key)
		value := rawValue{Text: m.text, Origin: s.origin, Reported: m.flawed}
		v, named := lookup(name)
		if named && v.secret() && m.text != "" {
			l.secretFile = &sourceFile{read, s.origin}
		}
		if !m.flawed && !m.form.fits(v) {
			value.Problem, value.Remedy = m.form.misfit(v)
		}
		l.enter(s, m.key, prefix+m.key, value)
		s.groups[m.key] = m.form == formMapping || m.form == formOther
	}
	return l.pair(s)
}

// misfit returns what is wrong with a form that does not fit v, and a remedy.
func (f form) misfit(v variable) (problem, remedy string) {
	if formList.fits(v) {
		return "is a mapping or a list of lists, and must be a list of values",
			"write each value in a line of its own after a hyphen, or all in one, separated by commas"
	}
	return "is a list or a mapping, and must be a single value",
		"write the value after the colon, in the same line"
}

// fits reports whether v may have a value of that form. The zero variable stands for the name of a
// file, which is a single value.
func (f form) fits(v variable) bool {
	switch f {
	case formText:
		return true
	case formList:
		return v.kind != nil && v.list()
	case formMapping:
		return v.name == VarSigningKeys
	case formOther:
	}
	return false
}

// pair returns the value of each variable in one source: the value itself or the name of the file
// that holds it. Both together are a fault.
func (l *loader) pair(s *source) map[string]rawValue {
	l.sources = append(l.sources, s)
	values := map[string]rawValue{}
	for _, v := range table {
		plain, isPlain := s.known[v.name]
		byFile, isByFile := s.known[v.name+fileSuffix]
		isPlain = isPlain && (plain.Text != "" || plain.unusable() || !v.emptyIsUnset())
		isByFile = isByFile && (byFile.Text != "" || byFile.unusable())
		by := "by " + s.format(v.name+fileSuffix)
		switch {
		case isPlain && isByFile:
			l.fault(v.name, s.origin, "is set both directly and "+by, "set only one of the two")
			plain.Reported = true
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
