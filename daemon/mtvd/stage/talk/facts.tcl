# What DS9 says of itself when we come: its version, then the name of each colour map that it has, one a line.

namespace eval ::mtv::facts {}

proc ::mtv::facts::write {directory} {
    global ds9 icolorbar
    set version [expr {[info exists ds9(version,display)] ? $ds9(version,display) : $ds9(version)}]
    set file [open $directory/facts w]
    fconfigure $file -encoding utf-8
    puts $file [lindex $version 0]
    foreach group [lsort [array names icolorbar *,cmaps]] {
        foreach name $icolorbar($group) {puts $file $name}
    }
    close $file
}
