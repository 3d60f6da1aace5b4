package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/offload/sessiond/test/bench/rig"
)

// plots are the curves that help a reader to choose, and the files that get them.
var plots = map[string]string{replicasCurve: "replicas.svg"}

// plotAll draws the curves that are plotted into a folder.
func plotAll(curves []rig.Curve, folder string) error {
	for _, curve := range curves {
		file := plots[curve.Name]
		if file == "" {
			continue
		}
		if err := draw(curve, filepath.Join(folder, file)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// grown formats all curves as a table, and shows the plots that lie beside the page.
func grown(curves []rig.Curve) string {
	text := "| What | Grows with | Measured |\n| --- | --- | --- |\n"
	shown := ""
	for _, curve := range curves {
		var points []string
		for _, point := range curve.Points {
			points = append(points, fmt.Sprintf("%s: %s", rig.Number(point.X),
				curve.Unit.Format(point.Y)))
		}
		text += fmt.Sprintf("| %s | %s | %s |\n", curve.Name, curve.X, strings.Join(points, "; "))
		if file := plots[curve.Name]; file != "" {
			shown += fmt.Sprintf("\n![%s](%s)\n", curve.Name, file)
		}
	}
	return text + shown
}

// draw draws a curve, with its origin at zero, so that lengths compare.
func draw(curve rig.Curve, file string) error {
	points := make(plotter.XYs, len(curve.Points))
	for i, point := range curve.Points {
		points[i] = plotter.XY(point)
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	p := plot.New()
	p.Title.Text = curve.Name
	p.X.Label.Text, p.Y.Label.Text = curve.X, string(curve.Unit)
	p.X.Min, p.Y.Min = 0, 0
	p.Add(plotter.NewGrid(), line, marks)
	return p.Save(12*vg.Centimeter, 7*vg.Centimeter, file)
}
