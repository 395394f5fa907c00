# The daemon's hand inside DS9, sourced once in each window. Scripts call only what is here: ::mtv::begin,
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
    variable closed_mark {}
    namespace eval do {}
}
if {![info exists ::mtv_commit]} {set ::mtv_commit {{} -1}}

# The batch

proc ::mtv::begin {} {
    variable busy 1
    variable results {}
    variable boxes {}
    variable touched 0
    quiet
}

proc ::mtv::section {key steps} {
    variable results
    set index 0
    foreach step $steps {
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
    set name ::mtv::do::[lindex $step 0]
    if {[info commands $name] eq {}} {error "no such action"}
    $name {*}[lrange $step 1 end]
    if {$::ds9(msg) ne {}} {error $::ds9(msg)}
    if {[llength $boxes] > $before} {error [lindex $boxes end]}
}

proc ::mtv::end {} {
    variable busy
    variable touched
    if {$touched && $::current(frame) ne {}} {catch {FinishLoad}}
    set busy 0
    quiet
}

# Forget errors of DS9's own that nobody should hear of.
proc ::mtv::quiet {} {
    set ::ds9(msg) {}
    set ::ds9(msg,src) xpa
    set ::errorInfo {}
}

# What the daemon reads back: token, then a line for each section that failed. A short script comes with the question;
# where it fails outside of its sections its words come back instead.
proc ::mtv::answer {xpa cdata param} {
    variable results
    if {$param ne {} && [catch {uplevel #0 [binary decode base64 $param]} message]} {
        end
        xpasetbuf $xpa "![binary encode hex [encoding convertto utf-8 $message]]"
        return
    }
    set lines [list [join $::mtv_commit]]
    set index 0
    foreach result $results {
        if {$result ne {}} {
            lassign $result step message
            lappend lines "$index $step [binary encode hex [encoding convertto utf-8 $message]]"
        }
        incr index
    }
    xpasetbuf $xpa [join $lines \n]
}

# Frames

proc ::mtv::frame {number} {
    set which Frame$number
    if {$which ni $::ds9(frames)} {error "display $number has no frame"}
    return $which
}

proc ::mtv::make {number} {
    global ds9 current
    set front $current(frame)
    set ds9(seq) $number
    CreateNameNumberFrame Frame$number base
    # the next frame made by hand is numbered after the others, below the numbers of named displays
    set next 1
    foreach which $ds9(frames) {
        set taken [string range $which 5 end]
        if {[string is integer -strict $taken] && $taken < 1000 && $taken >= $next} {set next [expr {$taken + 1}]}
    }
    set ds9(seq) $next
    defaults Frame$number
    if {$front ne {} && $front ne $current(frame)} {GotoFrame $front}
}

# DS9 gives a new frame the settings of the one in front; ours all start alike.
proc ::mtv::defaults {which} {
    $which zoom to 1 1
    $which rotate to 0
    $which orient none
    $which wcs align 0
    $which pan preserve 1
    $which marker preserve 1
    $which clip scope local
    $which mask system physical
    $which mask blend source
    $which mask transparency 0
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
    for {set i 1} {$i <= $count} {incr i} {unset -nocomplain ::$which.m$i}
}

# Actions

proc ::mtv::do::create {number} {
    if {"Frame$number" ni $::ds9(frames)} {::mtv::make $number}
}

# Panner and magnifier go on copying from a pixmap of the frame that they last showed, and DS9 dies (BadDrawable) where
# that frame is gone before they are redrawn.
proc ::mtv::do::delete {number} {
    set which Frame$number
    if {$which ni $::ds9(frames)} return
    $which panner off
    $which magnifier off
    panner clear
    magnifier clear
    DeleteSingleFrame $which
}

proc ::mtv::do::reset {number} {
    create $number
    set which Frame$number
    ::mtv::drop_masks $which
    $which marker delete all
    ClearFrame $which
    ::mtv::defaults $which
    incr ::mtv::touched [expr {$which eq $::current(frame)}]
}

# Until its next redraw a frame in front goes on with the physical system of the image before (none: physical is
# image), and markers and pans land in the wrong place. Centring brings the systems up to date at once; the pan is put
# back then, exactly, which DS9's own "preserve" misses by half a pixel.
proc ::mtv::do::image {number path} {
    set which [::mtv::frame $number]
    set pan [expr {[$which has fits] ? [$which get cursor image fk5] : {}}]
    ::mtv::drop_masks $which
    ::mtv::load $which $path {}
    $which center
    if {$pan ne {}} {$which pan to image fk5 {*}$pan}
    incr ::mtv::touched [expr {$which eq $::current(frame)}]
}

proc ::mtv::do::mask {number transparency layers} {
    set which [::mtv::frame $number]
    ::mtv::drop_masks $which
    $which mask system physical
    $which mask blend source
    $which mask mark nonzero
    $which mask transparency $transparency
    ::mtv::add_layers $which $layers
}

# Layers that are loaded are written over in their files: DS9 shows what is in them when it next draws.
proc ::mtv::do::remask {number transparency patches layers} {
    set which [::mtv::frame $number]
    foreach patch $patches {::mtv::overwrite {*}$patch}
    $which mask transparency $transparency
    ::mtv::add_layers $which $layers
    $which update
}

proc ::mtv::overwrite {path source size} {
    set target [open $path {RDWR BINARY}]
    set pixels [open [expr {$source eq {} ? {/dev/zero} : $source}] rb]
    try {
        fconfigure $target -buffersize 1000000
        fconfigure $pixels -buffersize 1000000
        seek $target 2880
        fcopy $pixels $target -size $size
    } finally {
        close $pixels
        close $target
    }
}

proc ::mtv::add_layers {which layers} {
    foreach layer $layers {
        lassign $layer path colour
        $which mask color $colour
        set ::mask(color) $colour
        ::mtv::load $which $path mask
    }
}

proc ::mtv::do::transparency {number percent} {
    [::mtv::frame $number] mask transparency $percent
}

proc ::mtv::do::markers_of {number path} {
    set file [open $path]
    set code [catch {read $file} text]
    close $file
    if {$code} {error $text}
    markers $number $text
}

proc ::mtv::do::markers {number text} {
    set which [::mtv::frame $number]
    # a region on a frame without an image ends DS9; the planner sends them again with the first image
    if {![$which has fits]} return
    set ::mtv_regions $text
    set code [catch {$which marker command ds9 var mtv_regions} message]
    unset ::mtv_regions
    if {$code} {error $message}
}

proc ::mtv::do::unmark {number tag} {
    set which [::mtv::frame $number]
    if {$tag eq {}} {$which marker delete all} else {$which marker $tag delete}
}

proc ::mtv::do::scale {number stretch mode args} {
    set which [::mtv::frame $number]
    $which colorscale $stretch
    # sampled limits spare a pass over all pixels at each load, but minmax and per cent should be exact
    $which clip minmax 25 [expr {$mode in {zscale user} ? {sample} : {scan}}]
    if {$mode eq {user}} {$which clip user {*}$args}
    $which clip mode $mode
}

proc ::mtv::do::colormap {number name invert} {
    set which [::mtv::frame $number]
    ${which}cb map $name
    ${which}cb invert $invert
    $which colormap [${which}cb get colormap]
}

proc ::mtv::do::zoom {number factor} {
    set which [::mtv::frame $number]
    $which zoom to $factor $factor
    ::mtv::zoomed $which
}

proc ::mtv::do::fit {number} {
    set which [::mtv::frame $number]
    $which zoom to fit
    ::mtv::zoomed $which
}

proc ::mtv::do::rotate {number angle} {
    set which [::mtv::frame $number]
    $which rotate to $angle
    if {$which eq $::current(frame)} {set ::current(rotate) $angle}
}

# Locks hold for what the user does by hand; what scripts set in one frame the scene has set in all of them, except
# where views are aligned by WCS, which DS9 must work out from the leader.
proc ::mtv::do::arrange {tile frames limits colormap leader} {
    # by their global names: DS9's traces of them look for that very name
    global current panzoom scale colorbar
    set panzoom(lock) $frames
    set scale(lock) $limits
    set scale(lock,limits) $limits
    set colorbar(lock) $colormap
    set display [expr {$tile ? {tile} : {single}}]
    if {$current(display) ne $display} {
        set current(display) $display
        DisplayMode
    }
    if {$leader ne {} && "Frame$leader" in $::ds9(frames)} {MatchFrame Frame$leader $frames}
}

proc ::mtv::zoomed {which} {
    if {$which eq $::current(frame)} {set ::current(zoom) [$which get zoom]}
}

proc ::mtv::do::pan {number x y} {
    set which [::mtv::frame $number]
    if {[$which has fits]} {$which pan to physical fk5 $x $y}
}

proc ::mtv::do::raise {number} {
    set which [::mtv::frame $number]
    if {!$::active($which)} {
        set ::active($which) 1
        UpdateActiveFrames
    }
    GotoFrame $which
}

proc ::mtv::do::fail {message} {
    error $message
}

# Reading, outside of batches

# All that is owed to the screen, in whatever frames it is: the canvas draws them when it is idle. DS9's own "update now"
# knows only the frame in front, and draws it anew also where nothing is owed. The last line is a round trip to the X
# server, which has drawn all of it then.
proc ::mtv::redraw {} {
    update idletasks
    winfo pointerxy .
    quiet
}

proc ::mtv::snapshot {path format} {
    variable busy 1
    # DS9 loads these by chance, if at all, and SaveImage then fails without saying why
    set code [catch {
        foreach name [list window $format] {package require img::$name}
        SaveImage $path $format
    } message]
    set busy 0
    if {$code == 0 && $::ds9(msg) ne {}} {set code 1; set message $::ds9(msg)}
    quiet
    if {$code} {error $message}
}

# Hooks

# A window that the user closed is told apart from one that crashed by a file.
proc ::mtv::closed {} {
    variable closed_mark
    if {$closed_mark ne {}} {catch {close [open $closed_mark w]}}
    set ::errorInfo {}
}

# While a script of ours runs nobody is there to answer a box, and XPA would wait for ever.
proc ::mtv::box {args} {
    variable busy
    variable boxes
    if {!$busy} {return [uplevel 1 [list ::mtv::tk_messageBox {*}$args]]}
    array set option {-message {} -type ok}
    array set option $args
    lappend boxes $option(-message)
    switch -- $option(-type) {
        yesno - yesnocancel {return no}
        okcancel {return cancel}
        default {return ok}
    }
}

proc ::mtv::install {directory} {
    variable closed_mark $directory/closed
    if {[info commands ::mtv::tk_messageBox] ne {}} return
    rename ::tk_messageBox ::mtv::tk_messageBox
    proc ::tk_messageBox {args} {uplevel 1 [list ::mtv::box {*}$args]}
    rename ::QuitDS9 ::mtv::QuitDS9
    proc ::QuitDS9 {} {
        ::mtv::closed
        ::mtv::QuitDS9
    }
    # nobody answers boxes of the start either: "-samp no" alone opens one, and DS9 never finishes its start behind it
    variable busy 1
    announce $directory
}

# XPA is served in the middle of DS9's start. So the daemon waits for a file, made a little after the start has ended.
proc ::mtv::announce {directory {left 0}} {
    if {$::ds9(init)} {
        after 20 [list ::mtv::announce $directory]
    } elseif {!$left} {
        after 20 [list ::mtv::announce $directory 1]
    } else {
        ready
        close [open $directory/ready w]
    }
}

proc ::mtv::ready {} {
    global pds9 panzoom marker
    set pds9(automarker) 0
    set panzoom(preserve) 1
    set marker(preserve) 1
    xpacmdadd $::xpa mtv {} ::mtv::answer {} {} {} {} {}
    # the empty frame that DS9 opens with is nobody's display
    if {$::ds9(frames) eq {Frame1} && ![Frame1 has fits]} {DeleteAllFrames}
    variable busy 0
    quiet
}
