# packaging/local.mk - what a machine needs beside the programs: units, users, folders, completions, pkg-config.
SERVICE_FILES = packaging/tillwatchd.service packaging/tillwatchd@.service
nodist_systemdunit_DATA =
systemdunitdir = $(SYSTEMD_UNIT_DIR)
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = packaging/tillwatch.pc
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/vendor-completions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
if SYSTEMD
nodist_systemdunit_DATA += $(SERVICE_FILES)
dist_sysusers_DATA = packaging/sysusers/tillwatch.conf
nodist_tmpfiles_DATA = packaging/tillwatch.conf
endif
nodist_bashcompletion_DATA = packaging/tillwatch packaging/tillwatchd
nodist_zshcompletion_DATA = packaging/_tillwatch packaging/_tillwatchd
nodist_fishcompletion_DATA = packaging/tillwatch.fish packaging/tillwatchd.fish
PACKAGING_MADE = $(SERVICE_FILES) packaging/tillwatch.conf packaging/tillwatch.pc
PACKAGING_SHELLS = packaging/tillwatch packaging/_tillwatch packaging/tillwatch.fish \
	packaging/tillwatchd packaging/_tillwatchd packaging/tillwatchd.fish
CLEANFILES += $(PACKAGING_MADE) $(PACKAGING_SHELLS)
EXTRA_DIST += packaging/sysusers/tillwatch.conf packaging/tillwatchd.service.in packaging/tillwatchd@.service.in \
	packaging/tillwatch.conf.in packaging/tillwatch.pc.in packaging/Containerfile packaging/completion.awk

# Directories are known to make, not to configure: a prefix may still change.
$(PACKAGING_MADE): %: $(srcdir)/%.in Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	  -e 's|@localstatedir[@]|$(localstatedir)|g' -e 's|@runstatedir[@]|$(runstatedir)|g' -e 's|@prefix[@]|$(prefix)|g' \
	  -e 's|@includedir[@]|$(includedir)|g' -e 's|@plugindir[@]|$(plugindir)|g' -e 's|@VERSION[@]|$(VERSION)|g' \
	  '$(srcdir)/$@.in' >$@
packaging/tillwatch: cli/tillwatch
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)cli/tillwatch completion bash >$@
packaging/_tillwatch: cli/tillwatch
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)cli/tillwatch completion zsh >$@
packaging/tillwatch.fish: cli/tillwatch
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)cli/tillwatch completion fish >$@
packaging/tillwatchd packaging/_tillwatchd packaging/tillwatchd.fish: agent/tillwatchd $(srcdir)/packaging/completion.awk
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)case $@ in *.fish) s=fish ;; */_*) s=zsh ;; *) s=bash ;; esac; \
	  agent/tillwatchd --help | awk -f '$(srcdir)/packaging/completion.awk' -v name=tillwatchd -v shell=$$s >$@

# Plugins are loaded, never linked: libtool's own files about them are of no use to anybody.
install-data-hook:
	rm -f '$(DESTDIR)$(plugindir)'/*.la
uninstall-hook:
	for p in $(plugin_LTLIBRARIES); do rm -f "$(DESTDIR)$(plugindir)/$$(basename "$$p" .la).so"; done

# tests/units reads the units as they are installed.
check_DATA = $(SERVICE_FILES)
TESTS += tests/blackbox/service.sh tests/units
EXTRA_DIST += tests/blackbox/service.sh tests/units
