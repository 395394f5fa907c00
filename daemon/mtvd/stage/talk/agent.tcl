# The daemon's agent inside DS9, sourced once in each window. Scripts call only what is here: ::mtv::begin,
# ::mtv::section (which runs procedures of ::mtv::do, by name, with plain values) and ::mtv::end.
#
# Actions name a frame and work on it where it is; only do::raise changes which frame is in front. Nothing here
# redraws: that is left to DS9's own idle time. Hooks end with an empty errorInfo, because DS9 reports whatever it
# finds there as the error of the next command.

namespace eval ::mtv {
    variable busy 0
    variable results {}
    variable boxes {}
    variable touched 0
    variable scaled {}
    variable unreached {}
    variable troubles {}
    variable place {}
    variable closed_mark {}
    variable resized 0
    variable info_timer {}
    variable made
    array set made {}
    variable fitted
    array set fitted {}
    namespace eval do {}
}
if {![info exists ::mtv_commit]} {set ::mtv_commit {{} -1}}

# The batch

proc ::mtv::begin {} {
    events::look
    variable busy 1
    variable results {}
    variable boxes {}
    variable touched 0
    variable scaled {}
    variable unreached {}
    hand::begin
    quiet
}

# What comes before a batch whose pixels are written while DS9 is held; where the batch heeds the user's hand, and that has
# changed something, what it has changed is told instead.
proc ::mtv::hold {heeds} {
    begin
    if {$heeds && ![hand::untouched]} {
        end
        return [answer]
    }
    talk::hold
    return held
}

proc ::mtv::section {key steps} {
    variable results
    variable place
    set index 0
    foreach step $steps {
        set place [list [llength $results] $index]
        if {[catch {step $step} message]} {
            quiet
            lappend results [list $index $message]
            return
        }
        incr index
    }
    lappend results {}
}

proc ::mtv::step {step} {
    variable boxes
    set before [llength $boxes]
    hand::will [lindex $step 0]
    set name ::mtv::do::[lindex $step 0]
    if {[info commands $name] eq {}} {error "no such action"}
    $name {*}[lrange $step 1 end]
    if {$::ds9(msg) ne {}} {error $::ds9(msg)}
    if {[llength $boxes] > $before} {error [lindex $boxes end]}
}

proc ::mtv::end {} {
    variable busy
    variable touched
    variable scaled
    if {$touched && $::current(frame) ne {}} {catch {FinishLoad}}
    # the numbers below a colour bar are those of its frame's limits only when it is told so
    foreach which [lsort -unique $scaled] {
        if {$which in $::ds9(frames) && [$which has fits]} {catch {UpdateColormapLevelFrame $which}}
    }
    annotations::end
    events::known
    if {!$hand::known} {
        zooms::look
        kept::follow_or_tell
    }
    hand::end
    set busy 0
    quiet
}

# Forget errors of DS9's own that nobody should hear of.
proc ::mtv::quiet {} {
    set ::ds9(msg) {}
    set ::ds9(msg,src) xpa
    set ::errorInfo {}
}

# What the daemon reads back: token, then a line for each section that failed, and one beginning with - for each action
# whose markers the projection does not reach in part, and what the user has changed.
proc ::mtv::answer {} {
    variable results
    set lines [list [join $::mtv_commit]]
    set index 0
    foreach result $results {
        if {$result ne {}} {
            lassign $result step message
            lappend lines "$index $step [binary encode hex [encoding convertto utf-8 $message]]"
        }
        incr index
    }
    variable unreached
    foreach one $unreached {lappend lines "- [join $one]"}
    variable troubles
    foreach one $troubles {lappend lines "! [binary encode hex [encoding convertto utf-8 $one]]"}
    set troubles {}
    lappend lines {*}[hand::lines] {*}[zooms::lines]
    return [join $lines \n]
}

# Frames

proc ::mtv::frame {number} {
    set which Frame$number
    if {$which ni $::ds9(frames)} {error "display $number has no frame"}
    return $which
}

proc ::mtv::make {number} {
    global ds9
    hand::forget Frame$number
    set ds9(seq) $number
    frames::make Frame$number
    # the next frame made by hand is numbered after the others, below the numbers of named displays
    set next 1
    foreach which $ds9(frames) {
        set taken [string range $which 5 end]
        if {[string is integer -strict $taken] && $taken < 1000 && $taken >= $next} {set next [expr {$taken + 1}]}
    }
    set ds9(seq) $next
    defaults Frame$number
}

# DS9 gives a new frame the settings of the one in front; ours all start alike.
proc ::mtv::defaults {which} {
    variable made
    set made($which) 1
    $which zoom to 1 1
    $which rotate to 0
    $which orient none
    $which wcs align 0
    $which pan preserve 1
    $which marker preserve 1
    $which clip scope local
    $which mask system physical
    $which mask blend source
    $which mask transparency 60
    $which mask mark nonzero
    do::scale [string range $which 5 end] linear zscale
    do::colormap [string range $which 5 end] grey 0
}

# Run a body as if the frame were in front. Nothing redraws before the front is put back.
proc ::mtv::as_front {which body} {
    global current
    set front [list $current(frame) $current(colorbar)]
    set current(frame) $which
    set current(colorbar) ${which}cb
    set code [catch {uplevel 1 $body} result options]
    lassign $front current(frame) current(colorbar)
    return -options $options $result
}

proc ::mtv::load {which path layer} {
    as_front $which {LoadFitsFile $path $layer {}}
    if {$::ds9(msg) ne {}} {error $::ds9(msg)}
}

proc ::mtv::drop_masks {which} {
    set count [$which get mask count]
    $which mask clear
    annotations::masked $which {}
    for {set i 1} {$i <= $count} {incr i} {unset -nocomplain ::$which.m$i}
}
