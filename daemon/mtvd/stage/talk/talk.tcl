# How the daemon is heard and answered: a line each way, through two FIFOs beside this file. Both are opened for reading
# and writing, so that they outlive every daemon. DS9 reads them whatever else it waits for: a click for somebody's imexam,
# an answer to a dialog.
#
# A request is "run IDENTITY LENGTH BASE64", or, where the script is long, "file IDENTITY LENGTH NAME" with a file of this
# directory, which is removed. The length counts the script's bytes: a line that its writer did not live to finish is not
# run. An answer is "told IDENTITY CODE LENGTH BASE64": with code 0 the script's result, with 1 the words of its error. What
# is no request is passed over; requests come and go in their order, one after the other.

namespace eval ::mtv::talk {
    variable directory {}
    variable requests {}
    variable answers {}
    variable line_max 262144
    variable unread_max 16000000
    variable held_ms 0
}

proc ::mtv::talk::install {place} {
    variable directory $place
    variable requests [fifo $place/channel]
    ::mtv::undo {close $::mtv::talk::requests}
    variable answers [fifo $place/answers]
    ::mtv::undo {close $::mtv::talk::answers}
    fileevent $requests readable ::mtv::talk::hear
}

proc ::mtv::talk::fifo {path} {
    if {[file type $path] ne {fifo} || ![file owned $path]} {error "$path is no FIFO of ours"}
    set channel [open $path {RDWR NONBLOCK}]
    fconfigure $channel -blocking 0 -buffering full -buffersize 65536 -encoding iso8859-1 -translation lf
    return $channel
}

# Nothing is heard while a script runs: where it has DS9 look for events, another one would run in the middle of it.
proc ::mtv::talk::hear {} {
    variable requests
    fileevent $requests readable {}
    catch {
        while {[gets $requests line] >= 0 || [is_held]} {
            if {$line ne {}} {answer $line}
            set ::errorInfo {}
        }
        skip_endless
    }
    catch {fileevent $requests readable ::mtv::talk::hear}
    set ::errorInfo {}
}

# Have DS9 do nothing, and so draw nothing, until the next request: the daemon writes over what it has mapped. A daemon that
# dies meanwhile holds it for no longer than this.
proc ::mtv::talk::hold {} {
    variable held_ms 1000
}

proc ::mtv::talk::is_held {} {
    variable held_ms
    if {$held_ms <= 0} {return 0}
    if {[incr held_ms -1] == 0} {::mtv::end}
    after 1
    return 1
}

# The beginning of a line that is longer than any of the daemon's; what has come after it stays in the pipe.
proc ::mtv::talk::skip_endless {} {
    variable requests
    variable line_max
    set pending [chan pending input $requests]
    if {$pending > $line_max} {read $requests $pending}
}

proc ::mtv::talk::answer {line} {
    if {[catch {script_of $line identity} script]} return
    variable held_ms 0
    set failed [expr {[catch {uplevel #0 $script} result] == 1}]
    # a batch that was cut short by its error
    if {$failed && $::mtv::busy} ::mtv::end
    tell $identity $failed $result
}

# Bytes become characters and back as XPA does it: untouched, because Tcl 8.6 has no characters beyond 16 bits.
proc ::mtv::talk::script_of {line name} {
    upvar 1 $name identity
    lassign [split $line { }] kind identity length body
    if {![regexp {^[0-9a-f]+\.[0-9]+$} $identity]} {error "no identity"}
    switch -- $kind {
        run {set bytes [binary decode base64 -strict $body]}
        file {set bytes [take $body]}
        default {error "no request"}
    }
    if {[string length $bytes] != $length} {error "cut short"}
    return [encoding convertfrom identity $bytes]
}

proc ::mtv::talk::take {name} {
    variable directory
    if {![regexp {^script-[0-9a-f.]+$} $name]} {error "no file of ours"}
    set file [open $directory/$name rb]
    set code [catch {read $file} bytes]
    close $file
    file delete $directory/$name
    if {$code} {error $bytes}
    return $bytes
}

# Each answer begins a line of its own, whatever else was written before it. Answers that nobody has read for long have no
# reader any more.
proc ::mtv::talk::tell {identity failed result} {
    variable answers
    variable unread_max
    if {[chan pending output $answers] > $unread_max} return
    set bytes [encoding convertto identity $result]
    puts $answers "\ntold $identity $failed [string length $bytes] [binary encode base64 $bytes]"
    flush $answers
}
