# Actions on how frames are shown, the window's arrangement and size, and its redraw and picture.

proc ::mtv::do::scale {number stretch mode args} {
    set which [::mtv::frame $number]
    $which colorscale $stretch
    # sampled limits spare a pass over all pixels at each load, but minmax and per cent should be exact
    $which clip minmax 25 [expr {$mode in {zscale user} ? {sample} : {scan}}]
    if {$mode eq {user}} {$which clip user {*}$args}
    $which clip mode $mode
    # the histogram is that of the limits before: DS9 would compute it anew with the next image only
    if {$stretch eq {histequ}} {$which clip minmax rescan}
    lappend ::mtv::scaled $which
}

proc ::mtv::do::colormap {number name invert} {
    set which [::mtv::frame $number]
    ${which}cb map $name
    ${which}cb invert $invert
    $which colormap [${which}cb get colormap]
}

# Where layers are given, they take the place of those of the mask: in cells that suit the zoom.
proc ::mtv::do::zoom {number factor {layers {}}} {
    set which [::mtv::frame $number]
    $which zoom to $factor $factor
    ::mtv::zoomed $which
    ::mtv::zooms::exchange $which $layers
}

proc ::mtv::do::fit {number {layers {}}} {
    set which [::mtv::frame $number]
    $which zoom to fit
    set ::mtv::fitted($which) [::mtv::size_of $which]
    ::mtv::zoomed $which
    ::mtv::zooms::exchange $which $layers
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

proc ::mtv::do::flip {number axes} {
    set which [::mtv::frame $number]
    $which orient $axes
    if {$which eq $::current(frame)} {set ::current(orient) $axes}
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

# Locks hold for what the user does by hand; what scripts set in one frame the scene has set in all of them, except
# where views are aligned by WCS, which DS9 must work out from the leader.
proc ::mtv::do::arrange {display frames limits colormap leader size columns order chosen blink_ms cross} {
    # by their global names: DS9's traces of them look for that very name
    global blink current panzoom scale colorbar
    # before anything is changed: what is refused is refused as a whole
    if {$size ne {}} {::mtv::check_room {*}$size}
    if {$panzoom(lock) eq {wcs} && $frames ne {wcs}} ::mtv::unalign
    set panzoom(lock) $frames
    set scale(lock) $limits
    set scale(lock,limits) $limits
    set colorbar(lock) $colormap
    ::mtv::lock_crosshair $cross
    if {$blink_ms} {set blink(interval) $blink_ms}
    set laid [::mtv::frames::use_columns $columns]
    if {[::mtv::frames::choose $order $chosen]} {set laid 1}
    if {$current(display) ne $display || $laid} {
        set current(display) $display
        DisplayMode
    }
    if {$leader ne {} && "Frame$leader" in $::ds9(frames)} {::mtv::align Frame$leader $frames}
    if {$size ne {}} {::mtv::resize {*}$size}
}

# A crosshair is seen in DS9's mode of that name alone; another mode that the user has chosen stays where nothing is asked for.
proc ::mtv::lock_crosshair {system} {
    global crosshair current
    if {$crosshair(lock) eq $system} return
    set crosshair(lock) $system
    set mode [expr {$system eq {none} ? {none} : {crosshair}}]
    if {$current(mode) ne $mode && ($mode ne {none} || $current(mode) eq {crosshair})} {
        set current(mode) $mode
        ChangeMode
    }
}

# An image on which the sky in the middle of the leader's tile is not would be beyond its own tile, or a strip at its edge. It is
# centred on itself, with the leader's scale and direction.
proc ::mtv::align {leader system} {
    MatchFrame $leader $system
    foreach which $::ds9(frames) {
        if {$which eq $leader || ![$which has fits]} continue
        lassign [$which get cursor image fk5] x y
        set width [$which get fits width]
        set height [$which get fits height]
        if {$x < .5 || $y < .5 || $x > $width + .5 || $y > $height + .5} {
            $which pan to image fk5 [expr {($width + 1) / 2.}] [expr {($height + 1) / 2.}]
        }
    }
}

# Frames that were locked by WCS stay turned to the sky in DS9 when the lock ends, and so would new ones.
proc ::mtv::unalign {} {
    global current
    set current(align) 0
    foreach which $::ds9(frames) {$which wcs align 0}
}

# Width and height of the screen, and of the image area that it has room for.
proc ::mtv::room {} {
    set top $::ds9(top)
    set canvas $::ds9(canvas)
    set width [winfo screenwidth $top]
    set height [winfo screenheight $top]
    set room_width [expr {$width - [winfo width $top] + [winfo width $canvas]}]
    set room_height [expr {$height - [winfo height $top] + [winfo height $canvas]}]
    return [list $width $height $room_width $room_height]
}

# DS9 itself would let a window reach beyond the screen, where nothing of it is seen.
proc ::mtv::check_room {width height} {
    lassign [room] _ _ most_width most_height
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

# Reading, outside of batches

# All that is owed to the screen, in whatever frames it is: the canvas draws them when it is idle. DS9's own "update now"
# knows only the frame in front, and draws it anew also where nothing is owed. The last line is a round trip to the X
# server, which has drawn all of it then.
proc ::mtv::redraw {} {
    update idletasks
    winfo pointerxy .
    quiet
}

# The same with annotations that follow what was drawn.
proc ::mtv::sync {} {
    update idletasks
    annotations::settle
    redraw
}

proc ::mtv::snapshot {path format} {
    package require img::$format
    update idletasks
    annotations::settle
    SaveImage $path $format
}
