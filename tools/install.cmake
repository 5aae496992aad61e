# What is installed beside the programs, and the Debian packages that cpack makes of it. Everything that
# names a place is written when it is installed, for the prefix may be another than that of the configuration
# (cpack's is /usr).
include(GNUInstallDirs)
set(debian ${CMAKE_CURRENT_LIST_DIR}/debian)

# ringpost-auth is looked for beside ringpostd.
install(TARGETS ringpostd ringpostctl ringpost-auth RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT ringpost)
install(TARGETS ringpost-load RUNTIME COMPONENT load)

# By these names ringpostctl is what other programs hand mail to; see ringpost-sendmail(8).
set(ringpost_links
  "${CMAKE_INSTALL_SBINDIR}/sendmail=ringpostctl"
  "${CMAKE_INSTALL_BINDIR}/mailq=../${CMAKE_INSTALL_SBINDIR}/ringpostctl"
  "${CMAKE_INSTALL_BINDIR}/newaliases=../${CMAKE_INSTALL_SBINDIR}/ringpostctl"
  "lib/sendmail=../${CMAKE_INSTALL_SBINDIR}/sendmail"
  "${CMAKE_INSTALL_MANDIR}/man8/sendmail.8.gz=ringpost-sendmail.8.gz"
  "${CMAKE_INSTALL_MANDIR}/man1/mailq.1.gz=../man8/ringpost-sendmail.8.gz"
  "${CMAKE_INSTALL_MANDIR}/man1/newaliases.1.gz=../man8/ringpost-sendmail.8.gz")

set(install_settings
  "set(source \"${CMAKE_SOURCE_DIR}\")"
  "set(binary \"${CMAKE_BINARY_DIR}/install\")"
  "set(sbindir \"${CMAKE_INSTALL_SBINDIR}\")"
  "set(mandir \"${CMAKE_INSTALL_MANDIR}\")"
  "set(docdir \"${CMAKE_INSTALL_DATADIR}/doc\")")
list(JOIN install_settings "\n" install_settings)
function(ringpost_install_step component)
  install(CODE "${install_settings}\nset(component ${component})\nset(links \"${ringpost_links}\")"
          COMPONENT ${component})
  install(SCRIPT ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/install_step.cmake COMPONENT ${component})
endfunction()
ringpost_install_step(ringpost)
ringpost_install_step(load)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ringpost)
set(CPACK_PACKAGE_CONTACT "The Ringpost authors <maintainers@users.noreply.r-seed-7f85055d.example>")
set(CPACK_COMPONENTS_ALL ringpost load)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RINGPOST_PACKAGE_NAME ringpost)
set(CPACK_DEBIAN_RINGPOST_PACKAGE_SECTION mail)
set(CPACK_COMPONENT_RINGPOST_DESCRIPTION
"mail transfer agent with OpenSMTPD's configuration language
Ringpost takes mail by SMTP, keeps it durably before it says so, and
delivers it to mailboxes, to commands, by LMTP or to other servers.
It is configured in the language of OpenSMTPD's smtpd.conf.
.
It needs a kernel with io_uring and, on amd64, a processor of the
level x86-64-v2.")
set(CPACK_DEBIAN_RINGPOST_PACKAGE_DEPENDS
  "libpam-runtime, publicsuffix, systemd | systemd-standalone-sysusers | systemd-sysusers, systemd | systemd-standalone-tmpfiles | systemd-tmpfiles")
set(CPACK_DEBIAN_RINGPOST_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_RINGPOST_PACKAGE_SUGGESTS "dovecot-imapd, ringpost-load")
set(CPACK_DEBIAN_RINGPOST_PACKAGE_PROVIDES mail-transport-agent)
set(CPACK_DEBIAN_RINGPOST_PACKAGE_CONFLICTS mail-transport-agent)
set(CPACK_DEBIAN_RINGPOST_PACKAGE_REPLACES mail-transport-agent)
set(CPACK_DEBIAN_RINGPOST_PACKAGE_CONTROL_EXTRA
  ${debian}/postinst ${debian}/prerm ${debian}/postrm ${debian}/conffiles)

set(CPACK_DEBIAN_LOAD_PACKAGE_NAME ringpost-load)
set(CPACK_DEBIAN_LOAD_PACKAGE_SECTION mail)
set(CPACK_COMPONENT_LOAD_DESCRIPTION
"load generator and sink for mail servers
ringpost-load sends messages to an SMTP server at a given rate or as
fast as it can, takes them at the other end, keeps a ledger of what was
acknowledged and what arrived, and prints rates and latencies.")
include(CPack)
