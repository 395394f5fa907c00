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
    variable scaled {}
    variable unreached {}
    variable place {}
    variable closed_mark {}
    variable resized 0
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
    events::known
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
# whose markers the projection does not reach in part. A short script comes with the question;
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
    variable unreached
    foreach one $unreached {lappend lines "- [join $one]"}
    lappend lines {*}[hand::lines]
    xpasetbuf $xpa [join $lines \n]
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

# A frame that the user has made is taken over with the settings that ours begin with.
proc ::mtv::do::create {number} {
    if {"Frame$number" ni $::ds9(frames)} {
        ::mtv::make $number
    } elseif {![info exists ::mtv::made(Frame$number)]} {
        ::mtv::defaults Frame$number
    }
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
    unset -nocomplain ::mtv::made($which) ::mtv::fitted($which)
    ::mtv::hand::forget $which
    ::mtv::frames::delete $which
}

# No frame at all, as in a new window.
proc ::mtv::clear {} {
    begin
    foreach which $::ds9(frames) {do::delete [string range $which 5 end]}
    end
}

proc ::mtv::do::reset {number} {
    create $number
    set which Frame$number
    unset -nocomplain ::mtv::fitted($which)
    ::mtv::drop_masks $which
    ::mtv::hand::mark $which
    ::mtv::hand::drop $which {}
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
    ::mtv::hand::mark $which
    ::mtv::drop_masks $which
    ::mtv::load $which $path {}
    $which center
    if {$pan ne {}} {$which pan to image fk5 {*}$pan}
    incr ::mtv::touched [expr {$which eq $::current(frame)}]
    lappend ::mtv::scaled $which
}

# The next image of a stream, in the place of one of the same size, type and WCS. What DS9 brings up to date after other
# loads, its menus, dialogs and lists of what it has loaded, would stay the same: 4.5 of 15 ms for 2048x4176 float32.
proc ::mtv::do::next {number path} {
    set which [::mtv::frame $number]
    if {![$which has fits] || [$which has contour] || [$which has grid]} {
        image $number $path
        return
    }
    set pan [$which get cursor image fk5]
    ::mtv::drop_masks $which
    $which load fits {} "{$path}" mmapincr {}
    $which center
    $which pan to image fk5 {*}$pan
    if {$which eq $::current(frame)} {RefreshInfoBox $which}
    lappend ::mtv::scaled $which
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

proc ::mtv::do::markers_of {number path {lines 0}} {
    set file [open $path]
    set code [catch {read $file} text]
    close $file
    if {$code} {error $text}
    markers $number $text $lines
}

proc ::mtv::do::markers {number text {lines 0}} {
    set which [::mtv::frame $number]
    # a region on a frame without an image ends DS9; the planner sends them again with the first image
    if {![$which has fits]} return
    ::mtv::hand::mark $which
    if {$lines && ![::mtv::reaches $which $text]} {
        ::mtv::draw_broken $which $text
        return
    }
    ::mtv::draw $which $text
    if {[string match "Bad Coordinate mapping*" $::ds9(msg)] && [$which has wcs celestial wcs]} {
        ::mtv::count_unreached $which $text
    }
}

# The result is the ids of the regions, one after the other without blanks.
proc ::mtv::draw {which text} {
    set ::mtv_regions $text
    set code [catch {$which marker command ds9 var mtv_regions} message]
    unset ::mtv_regions
    if {$code} {error $message}
    return $message
}

# Ids of the regions that were drawn last, so many of them, each with 1 or, where one was not made, 0: its id is taken all
# the same.
proc ::mtv::drawn {which count} {
    quiet
    set next [draw $which "image\npoint(1,1)\n"]
    $which marker $next delete
    foreach id [$which get marker id all] {set there($id) 1}
    set ids {}
    for {set id [expr {$next - $count}]} {$id < $next} {incr id} {
        lappend ids $id [info exists there($id)]
    }
    return $ids
}

# Regions that the projection does not reach were left out by DS9, which tells no more than that.
proc ::mtv::count_unreached {which text} {
    variable unreached
    variable place
    set tags [lmap {-> tag} [regexp -all -inline {tag="(mtv\.[0-9a-f]+)"\n} $text] {set tag}]
    set count 0
    foreach {id made} [drawn $which [llength $tags]] tag $tags {
        if {$made} continue
        incr count
        hand::hole $which $tag $id
    }
    lappend unreached [list {*}$place $count]
}

# DS9 says nothing of a vertex that the projection does not reach, and puts it at the origin. Asked as points it tells.
proc ::mtv::reaches {which text} {
    if {![string match icrs* $text] || ![$which has wcs celestial wcs]} {return 1}
    set points {}
    foreach {-> numbers} [regexp -all -inline {segment\(([^)]*)\)} $text] {
        foreach {x y} [split $numbers ,] {append points "point($x,$y)\n"}
    }
    draw $which "icrs\n$points"
    set reached [expr {$::ds9(msg) eq {}}]
    foreach {id made} [drawn $which [regexp -all point $points]] {
        if {$made} {$which marker $id delete}
    }
    return $reached
}

# A line is broken where it has no place.
proc ::mtv::draw_broken {which text} {
    variable unreached
    variable place
    set left_out 0
    set colour {}
    foreach row [lassign [split [string trimright $text \n] \n] system] {
        if {[string match global* $row]} {
            set colour $row
            continue
        }
        set ids [lmap piece [pieces $which $system $row left_out] {draw $which "$system\n$colour\n$piece\n"}]
        if {[llength $ids]} {
            hand::more $which [lrange $ids 1 end]
        } elseif {[regexp {tag="(mtv\.[0-9a-f]+)"} $row -> tag]} {
            hand::hole $which $tag [lindex [drawn $which 1] 0]
        }
    }
    lappend unreached [list {*}$place $left_out]
}

# The parts of a line between the vertices that have no place; what is not drawn of them is counted.
proc ::mtv::pieces {which system row counter} {
    upvar 1 $counter left_out
    regexp {^(\w+)\(([^)]*)\)(.*)$} $row -> shape numbers tail
    set found {}
    set piece {}
    foreach {x y} [list {*}[split $numbers ,] {} {}] {
        set id {}
        if {$x ne {}} {set id [draw $which "$system\npoint($x,$y)\n"]}
        set reached [expr {$x ne {} && $::ds9(msg) eq {}}]
        quiet
        if {$id ne {}} {$which marker $id delete}
        if {$reached} {
            lappend piece $x $y
            continue
        }
        incr left_out [expr {$x ne {}}]
        if {[llength $piece] > 2} {
            lappend found "${shape}([join $piece ,])$tail"
        } elseif {[llength $piece]} {
            incr left_out
        }
        set piece {}
    }
    return $found
}

proc ::mtv::do::unmark {number tag} {
    set which [::mtv::frame $number]
    ::mtv::hand::mark $which
    ::mtv::hand::drop $which $tag
    if {$tag eq {}} {$which marker delete all} else {$which marker $tag delete}
}

proc ::mtv::do::scale {number stretch mode args} {
    set which [::mtv::frame $number]
    $which colorscale $stretch
    # sampled limits spare a pass over all pixels at each load, but minmax and per cent should be exact
    $which clip minmax 25 [expr {$mode in {zscale user} ? {sample} : {scan}}]
    if {$mode eq {user}} {$which clip user {*}$args}
    $which clip mode $mode
    lappend ::mtv::scaled $which
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
    set ::mtv::fitted($which) [::mtv::size_of $which]
    ::mtv::zoomed $which
}

# Among tiles a frame that comes or goes seldom changes the size of the others; fitted for nothing all of them are drawn
# anew: 90 ms for 45 tiles.
proc ::mtv::do::refit {number} {
    set which [::mtv::frame $number]
    if {![info exists ::mtv::fitted($which)] || $::mtv::fitted($which) ne [::mtv::size_of $which]} {fit $number}
}

proc ::mtv::do::rotate {number angle} {
    set which [::mtv::frame $number]
    $which rotate to $angle
    if {$which eq $::current(frame)} {set ::current(rotate) $angle}
}

# Locks hold for what the user does by hand; what scripts set in one frame the scene has set in all of them, except
# where views are aligned by WCS, which DS9 must work out from the leader.
proc ::mtv::do::arrange {tile frames limits colormap leader size} {
    # by their global names: DS9's traces of them look for that very name
    global current panzoom scale colorbar
    # before anything is changed: what is refused is refused as a whole
    if {$size ne {}} {::mtv::check_room {*}$size}
    if {$panzoom(lock) eq {wcs} && $frames ne {wcs}} ::mtv::unalign
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
    if {$size ne {}} {::mtv::resize {*}$size}
}

# Frames that were locked by WCS stay turned to the sky in DS9 when the lock ends, and so would new ones.
proc ::mtv::unalign {} {
    global current
    set current(align) 0
    foreach which $::ds9(frames) {$which wcs align 0}
}

# DS9 itself would let a window reach beyond the screen, where nothing of it is seen.
proc ::mtv::check_room {width height} {
    set top $::ds9(top)
    set canvas $::ds9(canvas)
    set most_width [expr {[winfo screenwidth $top] - [winfo width $top] + [winfo width $canvas]}]
    set most_height [expr {[winfo screenheight $top] - [winfo height $top] + [winfo height $canvas]}]
    if {$width > $most_width || $height > $most_height} {
        error "the screen has room for an image area of ${most_width}x$most_height, not of ${width}x$height"
    }
}

# The image area's size; it is in force when this returns, so that what comes next is fitted into it.
proc ::mtv::resize {width height} {
    set top $::ds9(top)
    set canvas $::ds9(canvas)
    set more_width [expr {$width - [winfo width $canvas]}]
    set more_height [expr {$height - [winfo height $canvas]}]
    variable resized
    if {!$resized} {
        undo [list wm geometry $top [winfo width $top]x[winfo height $top]]
        set resized 1
    }
    wm geometry $top [expr {[winfo width $top] + $more_width}]x[expr {[winfo height $top] + $more_height}]
    update idletasks
    LayoutView
}

# Of a frame on the canvas, in screen pixels.
proc ::mtv::size_of {which} {
    return [list [$::ds9(canvas) itemcget $which -width] [$::ds9(canvas) itemcget $which -height]]
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

# Regions that the user has drawn, in place of those that are there.
proc ::mtv::do::user {number text} {
    set which [::mtv::frame $number]
    ::mtv::hand::mark $which
    foreach id [$which get marker id all] {
        if {![string match *mtv.* [$which get marker $id tag]]} {$which marker $id delete}
    }
    if {$text ne {}} {markers $number $text}
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
    events::known
    set hand::front $::current(frame)
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
    ::mtv::events::tell closed closed
    ::mtv::events::flush
    set ::errorInfo {}
}

# Procedures that wait for the user, and what cancels each from outside; @ is the variable that a dialog waits for.
set ::mtv::modals {
    tk_messageBox {set ::tk::Priv(button) cancel}
    FileDialog {set ::tk::Priv(selectFilePath) {}}
    DialogWait {set @ 0}
}

# While a script of ours runs nobody is there to answer. What an XPA command of somebody else's opens may wait for the
# user, but XPA waits with it, for everybody: it is cancelled as soon as the daemon asks (see unblock). All others are
# the user's own.
proc ::mtv::modal {name arguments} {
    variable busy
    variable modals
    variable pending
    if {$busy} {return [answer_box $name $arguments]}
    if {![from_xpa]} {return [uplevel 1 [list ::mtv::$name {*}$arguments]]}
    lappend pending [string map [list @ [lindex $arguments 1]] [dict get $modals $name]]
    set code [catch {uplevel 1 [list ::mtv::$name {*}$arguments]} result options]
    set pending [lrange $pending 0 end-1]
    return -options $options $result
}

proc ::mtv::answer_box {name arguments} {
    variable boxes
    if {$name ne {tk_messageBox}} {
        lappend boxes "a dialog was opened ($name)"
        return {}
    }
    array set option {-message {} -type ok}
    array set option $arguments
    lappend boxes $option(-message)
    switch -- $option(-type) {
        yesno - yesnocancel {return no}
        okcancel {return cancel}
        default {return ok}
    }
}

# What a click or a timer opens has no procedure of XPA above it; frames are asked, because "uplevel #0" hides levels.
proc ::mtv::from_xpa {} {
    for {set at [info frame]} {$at > 0} {incr at -1} {
        if {[dict exists [set frame [info frame $at]] proc] && [string match ::XPA* [dict get $frame proc]]} {return 1}
    }
    return 0
}

# A pending imexam or dialog blocks XPA for everybody until somebody clicks. The daemon says here, beside XPA, that it
# waits for an answer.
proc ::mtv::listen {path} {
    variable channel [open $path {RDWR NONBLOCK}]
    fconfigure $channel -blocking 0
    fileevent $channel readable ::mtv::hear
}

proc ::mtv::hear {} {
    variable channel
    while {[gets $channel line] >= 0} {
        if {$line eq {unblock}} {unblock}
    }
    set ::errorInfo {}
}

proc ::mtv::unblock {} {
    global iexam current
    variable pending
    if {$pending ne {}} {
        set ::ds9(msg) {nobody answered the dialog}
        uplevel #0 [lindex $pending end]
    }
    if {![info exists iexam(mode)] || $iexam(mode) eq {}} return
    array set iexam [list frame $current(frame) x 1 y 1 event CANCEL]
    array set iexam {button 0 key 0 any 0}
}

# Each hook leaves here what undoes it.
proc ::mtv::undo {script} {
    variable undone
    set undone [linsert $undone 0 $script]
}

proc ::mtv::hook {directory} {
    variable closed_mark $directory/closed
    variable undone {}
    variable modals
    variable pending {}
    foreach name [dict keys $modals] {
        rename ::$name ::mtv::$name
        proc ::$name {args} [format {uplevel 1 [list ::mtv::modal %s $args]} $name]
        undo "rename ::$name {}; rename ::mtv::$name ::$name"
    }
    rename ::QuitDS9 ::mtv::QuitDS9
    proc ::QuitDS9 {} {
        ::mtv::closed
        ::mtv::QuitDS9
    }
    undo {rename ::QuitDS9 {}; rename ::mtv::QuitDS9 ::QuitDS9}
    listen $directory/channel
    undo {close $::mtv::channel}
    events::install $directory/events
    frames::install
}

# A DS9 of our own, in the middle of its start.
proc ::mtv::install {directory} {
    if {[info commands ::mtv::tk_messageBox] ne {}} return
    hook $directory
    # nobody answers boxes of the start either, and DS9 never finishes its start behind one
    variable busy 1
    announce $directory
}

# A DS9 that the user runs: its frames and settings are the user's, and everything is put back by release.
proc ::mtv::attach {directory} {
    hook $directory
    foreach name {::pds9(automarker) ::panzoom(preserve) ::marker(preserve)} {
        undo [list set $name [set $name]]
    }
    undo {unset -nocomplain ::mtv_commit}
    undo {xpacmddel $::xpa $::mtv::answering}
    prepare
    facts::write $directory
    set file [open $directory/ready w]
    puts -nonewline $file [pid]
    close $file
}

proc ::mtv::release {} {
    variable undone
    foreach script $undone {catch {uplevel #0 $script}}
    set ::errorInfo {}
    namespace delete ::mtv
}

# XPA is served in the middle of DS9's start. So the daemon waits for a file, made a little after the start has ended.
proc ::mtv::announce {directory {left 0}} {
    if {$::ds9(init)} {
        after 20 [list ::mtv::announce $directory]
    } elseif {!$left} {
        after 20 [list ::mtv::announce $directory 1]
    } else {
        ready
        facts::write $directory
        close [open $directory/ready w]
    }
}

proc ::mtv::ready {} {
    # the empty frame that DS9 opens with is nobody's display
    if {$::ds9(frames) eq {Frame1} && ![Frame1 has fits]} {DeleteAllFrames}
    prepare
}

proc ::mtv::prepare {} {
    global pds9 panzoom marker
    set pds9(automarker) 0
    set panzoom(preserve) 1
    set marker(preserve) 1
    variable answering [xpacmdadd $::xpa mtv {} ::mtv::answer {} {} {} {} {}]
    events::known
    variable busy 0
    quiet
}
