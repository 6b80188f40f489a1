package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"sluice.dev/proxy/generation"
)

// pluginMetrics tells of the plugins of the generation in force. It is a
// prometheus.Collector.
type pluginMetrics struct{ current func() *generation.Generation }

var (
	pluginQuarantined = prometheus.NewDesc("sluice_plugin_quarantined", "1 if the plugin failed so often in a row that it waits for a reload; its commands are refused.", []string{"plugin"}, nil)
	pluginCalls       = prometheus.NewDesc("sluice_plugin_calls_total", "Calls of the plugin since it was loaded.", []string{"plugin"}, nil)
	pluginFuel        = prometheus.NewDesc("sluice_plugin_fuel_total", "Fuel that the plugin has spent since it was loaded.", []string{"plugin"}, nil)
)

// Describe implements prometheus.Collector.
func (pluginMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- pluginQuarantined
	ch <- pluginCalls
	ch <- pluginFuel
}

// Collect implements prometheus.Collector.
func (p pluginMetrics) Collect(ch chan<- prometheus.Metric) {
	g := p.current()
	if g == nil {
		return
	}
	for _, m := range g.Modules() {
		s, quarantined := m.Stats(), 0.0
		if s.Quarantined {
			quarantined = 1
		}
		ch <- prometheus.MustNewConstMetric(pluginQuarantined, prometheus.GaugeValue, quarantined, m.Name())
		ch <- prometheus.MustNewConstMetric(pluginCalls, prometheus.CounterValue, float64(s.Calls), m.Name())
		ch <- prometheus.MustNewConstMetric(pluginFuel, prometheus.CounterValue, float64(s.Fuel), m.Name())
	}
}

// quarantined are the names of the plugins that are not called any more.
func quarantined(g *generation.Generation) (names []string) {
	for _, m := range g.Modules() {
		if m.Quarantined() {
			names = append(names, m.Name())
		}
	}
	return names
}
